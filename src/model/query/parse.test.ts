import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { isKeywardError, type KeywardError } from "../../base/errors.ts";
import { formatQuery, type ParseOptions, parseQuery, queryLimits } from "./query.ts";

function refusal(text: string, options: ParseOptions = {}): KeywardError {
  try {
    parseQuery(text, options);
  } catch (error) {
    assert.ok(isKeywardError(error), String(error));
    return error;
  }
  throw new assert.AssertionError({ message: `${text} was taken` });
}

/** Query, message, what the hint holds. */
type Refusal = readonly [query: string, message: string, hint: string];

describe("queries: what is taken", () => {
  const taken: readonly [string, string?][] = [
    ["role:api AND (env:prod OR env:stage) AND NOT tag:legacy"],
    ["*:*"],
    [" \trole:api\t ", "role:api"],
    ["((role:api))", "role:api"],
    ["(role:api)AND(env:prod)", "role:api AND env:prod"],
    ["NOT (role:api OR role:db)"],
    ["(NOT role:api) AND env:prod"],
    ["role:api OR (NOT env:prod)"],
    ['NOT (title:"two words")'],
    ['title:"two  words"', 'title:"two words"'],
    ['path:"/opt/app"'],
    ["path:\\/opt\\/app"],
    ["recipe:apache2\\:\\:mod_ssl@1.2.3"],
    ["run_list:role\\[web\\]"],
    ["name:web-0?.*"],
    ["tags:**", "tags:*"],
    ["t*s:web"],
    ["odd:star\\*fish"],
    ["zone:[a TO f]"],
    ["zone:{a TO *}"],
    ["since:[2024-01-01 TO 2024-12-31]"],
    ["state:ANDY AND state:NOTED", "state:ANDY AND state:NOTED"],
    ["NOT *:*"],
  ];
  for (const [text, written = text] of taken) {
    test(text, () => {
      assert.equal(formatQuery(parseQuery(text)), written);
    });
  }

  test("a wildcard that is escaped is a plain sign", () => {
    assert.deepEqual(parseQuery("a:b\\*\\?"), {
      kind: "term",
      field: { kind: "exact", text: "a" },
      value: { kind: "exact", text: "b*?" },
    });
  });
});

describe("queries: what is refused, where, and what to write instead", () => {
  const refusals: readonly Refusal[] = [
    [
      "role:api AND env:prod OR env:dev",
      "column 23: AND and OR are mixed here",
      "(role:api AND env:prod) OR env:dev",
    ],
    ["a:b OR c:d AND e:f", "column 12: AND and OR are mixed here", "a:b OR (c:d AND e:f)"],
    ["role:api env:prod", "column 10: two terms side by side", "AND"],
    ["role:api (env:prod)", "column 10: two terms side by side", "AND"],
    ["role:api NOT env:prod", "column 10: a negation stands beside a term without AND", "AND NOT"],
    ["a:b OR NOT c:d", "column 8: servers disagree about a negation beside OR", "a:b OR (NOT c:d)"],
    ["NOT a:b AND c:d", "column 1: servers disagree about a negation before AND or OR", "(NOT a:b) AND c:d"],
    ["*:* AND NOT a:b", "column 1: servers disagree about *:* before AND or OR", "(*:*) AND NOT a:b"],
    ["NOT NOT a:b", "column 5: a negation of a negation", "leave both out"],
    ['NOT a:"b c"', "column 1: Chef's server reads a negated phrase as something else", 'NOT (a:"b c")'],
    ["NOT(a:b)", "column 4: a blank is missing after NOT", "NOT and a blank"],
    [
      "tags:(web OR db)",
      "column 6: Chef's server finds nothing by a group after a field",
      "(tags:web OR tags:db)",
    ],
    ["a:b && c:d", "column 5: servers disagree about &&", "AND"],
    ["a:b || c:d", "column 5: || is not taken for an operator here", "OR"],
    ["!a:b", "column 1: ! is not taken for a negation here", "NOT"],
    ["-a:b", "column 1: - is not taken for a negation here", "NOT"],
    ["+a:b", "column 1: servers disagree about +", "AND"],
    ["a:b and c:d", "column 5: and in lower case is a plain word to Chef", "AND, in capitals"],
    ["not a:b", "column 1: not in lower case is a plain word to Chef", "NOT, in capitals"],
    ["web", "column 1: the word web stands without a field", "role:web"],
    ['"two words"', "column 1: a phrase stands without a field", 'title:"two words"'],
    ["title:two words", "column 11: a word stands without a field", 'field:"two words"'],
    ["a:b~2", "column 4: servers disagree about fuzzy", "\\~"],
    ['a:"b c"~2', "column 8: servers disagree about fuzzy", "\\~"],
    ["a:b^2", "column 4: a boost", "\\^"],
    ["cpu:[2 TO 16]", "column 5: a range goes by characters, not by numbers", "(cpu:2 OR cpu:4)"],
    ["version:[1.9 TO b]", "column 9: a range goes by characters, not by numbers", "name the values"],
    ["cpu:[a TO b}", "column 12: the range is not closed by ]", "[ with ]"],
    ["r:[a TO b\\]]", "column 9: Chef's server does not take ] and } in an end", "joined by OR"],
    [
      "a\\]:[a TO b]",
      "column 1: Chef's server does not take ] and } in the field of a range",
      "joined by OR",
    ],
    ["r:{a\\} TO *}", "column 4: Chef's server does not take ] and } in an end", "joined by OR"],
    ["cpu:[a to b]", "column 7: TO is missing here", "cpu:[a TO b]"],
    ["recipe:apache2::mod_ssl", "column 15: a second colon", "\\:"],
    ["path:/opt", "column 6: Lucene takes / for the start of a regular expression", "\\/"],
    ["city:Łódź", 'column 6: "Ł" cannot be written in a query', "?"],
    ["😀:b", 'column 1: "😀" cannot be written', "?"],
    ['a:"😀" b', 'column 4: "😀" cannot be written', "?"],
    ["a:b\nc:d", "column 4: a line break", "one line"],
    ["a: b", "column 3: a blank after the colon", "leave it out"],
    ["a :b", "column 2: a blank before the colon", "leave it out"],
    ["a:", "column 3: a value is missing after the colon", "a:*"],
    ["(a:b", "column 1: this parenthesis is not closed", ")"],
    ["a:b)", "column 4: this parenthesis closes none", "leave it out"],
    ["()", "column 2: a term is missing before this parenthesis", "empty group"],
    ["", "column 1: the query is empty", "*:*"],
    ["a:b AND", "column 5: a term is missing after AND", "field:value"],
    ["a:b AND OR c:d", "column 9: a term is missing before OR", "field:value"],
    ["a:?b", "column 3: a value cannot begin with ?", "*"],
    ["a:-1", "column 3: a value cannot begin with -", "without the sign"],
    ["a:b\\-c", 'column 4: \\ does not go before "-"', "leave the backslash out"],
    ["a:\\", "column 3: the query ends in a backslash", "\\\\"],
    ['a:"b', "column 3: this quote is not closed", '"'],
    ['a:""', "column 3: an empty phrase", "a:*"],
    ['a:" b"', "column 4: a blank at the edge of a phrase", "leave it out"],
    ['a:"b*"', "column 4: a wildcard in a phrase", "\\*"],
    ['a*:"b"', "column 1: a wildcard in the field of a phrase", "name the field"],
    ["ORDER:b", "column 1: Chef's server takes the start of this field for the operator OR", "another name"],
    ["a:AND", "column 3: an operator stands where a value is wanted", "a:*"],
  ];
  for (const [text, message, hint] of refusals) {
    test(JSON.stringify(text), () => {
      const error = refusal(text);
      assert.equal(error.code, "malformed");
      assert.ok(error.message.startsWith(`query, ${message}`), error.message);
      assert.ok(error.hint?.includes(hint), error.hint);
    });
  }

  test("the parentheses that a refusal suggests are taken", () => {
    for (const text of ["a:b AND c:d OR NOT e:f AND g:h", "a:b OR NOT c:d OR d:e", "NOT a:b AND NOT c:d"]) {
      const suggestion = refusal(text).hint?.replace(/^[^:]*: /, "") ?? "";
      assert.equal(formatQuery(parseQuery(suggestion)), suggestion);
    }
  });

  test("a column counts characters, not bytes", () => {
    assert.match(refusal('a:"x" AND b:Łódź').message, /^query, column 13: /);
  });
});

describe("queries: portable mode", () => {
  const taken: readonly [string, string][] = [
    ["a:b c:d", "a:b OR c:d"],
    ["a:b || c:d", "a:b OR c:d"],
    ["!a:b", "NOT a:b"],
    ["!(a:b OR c:d)", "NOT (a:b OR c:d)"],
    ["a:b AND -c:d", "a:b AND NOT c:d"],
    ["a:b and c:d", "a:b OR and OR c:d"],
    ["cpu:[* TO 4]", "cpu:[* TO 4]"],
  ];
  for (const [text, written] of taken) {
    test(text, () => {
      assert.equal(formatQuery(parseQuery(text, { mode: "portable" })), written);
    });
  }

  for (const text of [
    "a:b && c:d",
    "+a:b",
    "a:b -c:d",
    "a:b NOT c:d",
    "! a:b",
    "--a:b",
    "cpu:[2 TO 4]",
    "web",
    "a:b c:d AND e:f",
  ]) {
    test(`${text} is refused, because servers disagree`, () => {
      assert.equal(refusal(text, { mode: "portable" }).code, "malformed");
    });
  }
});

describe("queries: limits", () => {
  test("4,096 bytes are read and one more is too large", () => {
    const text = `${"(a:b) OR ".repeat(200)}a:b`;
    assert.equal(parseQuery(text.padEnd(queryLimits.size)).kind, "or");
    assert.equal(refusal(text.padEnd(queryLimits.size + 1)).code, "too-large");
  });

  test("groups may nest 32 deep and no deeper", () => {
    const nested = (depth: number): string => `${"(".repeat(depth)}a:b${")".repeat(depth)}`;
    assert.equal(parseQuery(nested(queryLimits.depth)).kind, "term");
    assert.match(
      refusal(nested(queryLimits.depth + 1)).message,
      /^query, column 33: groups nested deeper than 32$/,
    );
  });

  test("256 terms are taken and no more", () => {
    const terms = (count: number): string => Array.from({ length: count }, () => "a:b").join(" OR ");
    assert.equal(parseQuery(terms(queryLimits.terms)).kind, "or");
    assert.equal(refusal(terms(queryLimits.terms + 1)).code, "too-large");
  });

  test("a pair longer than Chef's index keeps whole is refused", () => {
    assert.equal(parseQuery(`a:${"x".repeat(queryLimits.pair - 1)}`).kind, "term");
    assert.equal(refusal(`a:${"x".repeat(queryLimits.pair)}`).code, "malformed");
  });
});
