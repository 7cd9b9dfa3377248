/**
 * Plain-text values that look like secrets. The rules are few and strict, for a report that cries wolf is not read:
 *
 *     key        a private key's PEM block, or an age identity
 *     token      what a provider's prefix and length give away
 *     url        a password in an address
 *     variable   in a configuration file: a name that says secret, and a value that could be one
 */
import path from "node:path";

export interface PlainSecret {
  readonly rule: "key" | "token" | "url" | "variable";
  /** Where it stands in the text. */
  readonly at: number;
  /** What it is, without the value. */
  readonly what: string;
}

const tokens: readonly (readonly [string, string])[] = [
  ["AWS access key", "(?:AKIA|ASIA)[A-Z2-7]{16}"],
  ["GitHub token", "gh[pousr]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9_]{82}"],
  ["GitLab token", "glpat-[A-Za-z0-9_-]{20}"],
  ["Slack token", "xox[abprs]-[0-9]{8,}-[A-Za-z0-9-]{10,}"],
  ["Stripe key", "[rs]k_live_[A-Za-z0-9]{24,}"],
  ["Google API key", "AIza[A-Za-z0-9_-]{35}"],
  ["npm token", "npm_[A-Za-z0-9]{36}"],
  ["Vault token", "hvs\\.[A-Za-z0-9_-]{24,}"],
  ["Keyward token", "kw[tj]_[A-Za-z0-9_-]{16,}"],
];

const rules: readonly (readonly [PlainSecret["rule"], RegExp, (match: RegExpMatchArray) => string | null])[] =
  [
    [
      "key",
      /-----BEGIN ([A-Z0-9 ]{0,32})PRIVATE KEY-----/g,
      ([, kind = ""]) => (/ENCRYPTED/.test(kind) ? null : `${kind}private key`),
    ],
    ["key", /AGE-SECRET-KEY-1[A-Z0-9]{58}/g, () => "age identity"],
    ...tokens.map(
      ([what, shape]) =>
        ["token", new RegExp(`(?<![A-Za-z0-9_-])(?:${shape})(?![A-Za-z0-9_-])`, "g"), () => what] as const,
    ),
    [
      "url",
      /\b[a-z][a-z0-9+.-]{1,30}:\/\/[^\s:/@"'<>]{0,256}:([^\s:/@"'<>]{3,256})@[A-Za-z0-9[]/g,
      ([, password = ""]) => (isPlaceholder(password) ? null : "password in an address"),
    ],
  ];

/** NAME=value, NAME: value, "NAME": "value", one a line. */
const assigned =
  /^[\t ]*(?:export[\t ]+|- )?["']?([A-Za-z_][A-Za-z0-9_.-]{0,127})["']?[\t ]*[:=][\t ]*(.*)$/gm;
const configuration = /^(?:\.env(?:\..*)?|.*\.(?:env|ya?ml|json|toml|ini|conf|cfg|properties))$/i;

/** In order of place. */
export function findPlainSecrets(text: string, file: string): PlainSecret[] {
  const found: PlainSecret[] = [];
  for (const [rule, pattern, say] of rules)
    for (const match of text.matchAll(pattern)) {
      const what = say(match);
      if (what !== null) found.push({ rule, at: match.index, what });
    }
  if (configuration.test(path.basename(file)))
    for (const match of text.matchAll(assigned)) {
      const [, name = "", value = ""] = match;
      if (looksSecret(name, literal(value))) found.push({ rule: "variable", at: match.index, what: name });
    }
  return found.sort((a, b) => a.at - b.at);
}

/** What a line gives: without quotes, without a comment, without the comma of a list. */
function literal(value: string): string {
  const quoted = /^(["'])(.*?)\1[\t ]*,?[\t ]*(?:#.*)?$/.exec(value)?.[2];
  return (
    quoted ??
    value
      .replace(/[\t ]+#.*$/, "")
      .replace(/,$/, "")
      .trim()
  );
}

const secretWord = /password|passwd|passphrase|secret|token|credential|pwd/;
/** A key alone may be anything: of a map, of a table, of a cache. */
const keyWord =
  /(?:^|[_.-])(?:api|access|private|master|encryption|signing|auth|deploy|service|session|license|ssh|hmac)_?keys?(?:$|[_.-])/;
/** Part of a name that is about a secret and holds none. */
const aboutWord =
  /(?:^|[_.-])(?:public|id|ids|name|names|file|files|path|dir|url|uri|routing|type|ttl|length|size|hash|header|policy|expiry|expires|version|enabled|required|vars|hashes)(?:$|[_.-])/;

/** Does a variable of this name with this value hold a secret in plain text? */
export function looksSecret(name: string, value: string): boolean {
  // dbPassword is db_password.
  const plain = name.replace(/([a-z0-9])([A-Z])/g, "$1_$2").toLowerCase();
  if (!(secretWord.test(plain) || keyWord.test(plain)) || aboutWord.test(plain)) return false;
  return value.length >= 4 && value.length <= 4096 && !isPlaceholder(value) && !isOther(value);
}

/** Numbers that are settings, truth values, paths, addresses, structures, sealed values. */
function isOther(value: string): boolean {
  return (
    /^(?:true|false|null|none|yes|no|on|off|[0-9]{1,5}|~?\.{0,2}\/.*|[a-z][a-z0-9+.-]*:.*|[[{|>&*].*)$/i.test(
      value,
    ) || /ENC\[/.test(value)
  );
}

/** Filled in elsewhere, or never meant. */
function isPlaceholder(value: string): boolean {
  return (
    /[$%]\{?[A-Za-z_(]|\{\{|^<.*>$|^\*+$|^x+$|^\.{3}$|ENC\[/i.test(value) ||
    /^(?:change_?me|changeit|password|passwd|secret|token|pass|example|placeholder|redacted|todo|dummy|your[_-].*)$/i.test(
      value,
    )
  );
}
