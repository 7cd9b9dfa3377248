/** YAML and pp as knife prints them: the bytes of Ruby's own Psych and pp. */
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { test } from "node:test";
import fc from "fast-check";
import { type ExactJson, parseExactJson } from "../../src/base/exact-json.ts";
import { formatExactJson } from "../../src/base/exact-json-text.ts";
import { layOut } from "../../src/chef/knife/layout.ts";

const found = spawnSync("ruby", ["-e", "require 'psych'; print Psych::VERSION"], { encoding: "utf8" });
const skip = found.status === 0 ? false : "ruby: is not installed";

/** One line of answer for each line of question. */
function ruby(script: string, questions: readonly string[]): string[] {
  const out = execFileSync("ruby", ["-rjson", "-rpsych", "-rpp", "-rstringio", "-e", script], {
    input: `${questions.join("\n")}\n`,
    env: { PATH: process.env.PATH, LANG: "C.UTF-8" },
    maxBuffer: 100_000_000,
  });
  return out
    .toString()
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line)[0] as string);
}

const everyday = [
  '{"id":"db","password":"a: b","list":["x","y"],"one":["z"],"empty":[],"obj":{},"n":null,"t":true,"f":1.0,"big":123456789012345678901234}',
  '{"nested":{"a":[1,[2]],"b":[{"c":1,"e":2},{"c":2}],"d":{"e":{"f":"g"}}},"m":"l1\\nl2\\n","k":"-----BEGIN\\nx\\n-----END"}',
  '{"s":"123","y":"yes","e":"","star":"*x","sp":" lead","q":"it\'s","u":"ünï","yn":"y","ver":"1.2.3","colon":"x:y","hash":"a #b","dash":"- a","url":"https://a/b?c=d","run":"role[base]","t":"12:30","o":"010","tilde":"~","at":"@x","e2":"1e3","float":"1.5","date":"2024-01-02"}',
  '["a","b",null,["c"],{"d":[]},"last\\n\\n\\n"]',
  "[]",
  "{}",
  "null",
  '"a text"',
  '"lines\\nof it\\n\\n"',
  '{"tag":"3Wy94yFtKSIHdxz531YpUQ==\\n","two":"a\\nb\\n\\n"}',
  `{"long":"${"word ".repeat(60)}","quoted":"${"it's so ".repeat(30)}","double":"${"\\t tab  ".repeat(30)}"}`,
  `{"${"k".repeat(200)}":1,"${"k".repeat(201)}":{"a":[1]},"${"k".repeat(202)}":["x"],"a\\nb":"c"}`,
].map((text) => parseExactJson(text, "case"));

const letters = [
  "a",
  "b",
  "0",
  "1",
  "word",
  "é",
  "🔑",
  " ",
  "  ",
  "\n",
  "\t",
  ":",
  "#",
  "-",
  "?",
  "'",
  '"',
  "&",
  "*",
];
const more = [
  "!",
  "|",
  ">",
  "%",
  "@",
  "`",
  "{",
  "}",
  "[",
  "]",
  ",",
  ".",
  "~",
  "\\",
  "#{",
  "\x00",
  "\x7f",
  "\x1b",
  "=",
];
const text = fc.array(fc.constantFrom(...letters, ...more), { maxLength: 60 }).map((parts) => parts.join(""));
const value = fc.letrec<{ any: unknown }>((tie) => ({
  any: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    text,
    fc.integer(),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.boolean(),
    fc.constant(null),
    fc.array(tie("any"), { maxLength: 5 }),
    fc.dictionary(text, tie("any"), { maxKeys: 5 }),
  ),
})).any;
const samples = fc
  .sample(value, { numRuns: 3000, seed: 7 })
  .map((one) => parseExactJson(JSON.stringify(one), "sample"));

for (const [format, script] of [
  ["yaml", "Psych.dump(v)"],
  ["pp", "o = StringIO.new; PP.pp(v, o); o.string"],
] as const)
  test(`${format} is Ruby's, byte for byte`, { skip }, () => {
    const values: readonly ExactJson[] = [...everyday, ...samples];
    const each = `$stdin.each_line { |l| v = JSON.parse(l, max_nesting: false)[0]; puts JSON.generate([begin; ${script}; end]) }`;
    const answers = ruby(
      each,
      values.map((one) => formatExactJson([one])),
    );
    for (const [i, one] of values.entries())
      assert.equal(layOut(one, format), answers[i], formatExactJson(one));
  });
