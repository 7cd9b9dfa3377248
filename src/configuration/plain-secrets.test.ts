import assert from "node:assert/strict";
import { test } from "node:test";
import { cpuMs } from "../../test/waiting.ts";
import { findPlainSecrets } from "./plain-secrets.ts";

const found = (text: string, file = "config.yaml"): string[] =>
  findPlainSecrets(text, file).map(({ rule, what }) => `${rule}: ${what}`);

/** Put together here, so that no scanner takes this file for a leak. */
const joined = (...parts: readonly string[]): string => parts.join("");

test("private keys and tokens are found in any file", () => {
  const rsa = joined("-----BEGIN RSA PRIVATE", " KEY-----");
  const cases: readonly (readonly [string, string])[] = [
    [rsa, "key: RSA private key"],
    [joined("-----BEGIN PRIVATE", " KEY-----"), "key: private key"],
    [joined("-----BEGIN NACL PRIVATE", " KEY-----"), "key: NACL private key"],
    [joined("AGE-SECRET", "-KEY-1", "Q".repeat(58)), "key: age identity"],
    [joined("AK", "IA", "Q7".repeat(8)), "token: AWS access key"],
    [joined("gh", "p_", "a1".repeat(18)), "token: GitHub token"],
    [joined("gl", "pat-", "a1".repeat(10)), "token: GitLab token"],
    [joined("sk_", "live_", "a1".repeat(12)), "token: Stripe key"],
    [joined("postgres://app:", "hunter2x@db.internal/app"), "url: password in an address"],
  ];
  for (const [text, what] of cases) assert.deepEqual(found(`const a = "${text}";`, "a.ts"), [what], what);
});

test("what only looks like one is none", () => {
  for (const text of [
    joined("-----BEGIN ENCRYPTED PRIVATE", " KEY-----"),
    "-----BEGIN PUBLIC KEY-----",
    joined("xAK", "IA", "Q7".repeat(8)),
    `${joined("gh", "p_", "a1".repeat(18))}b`,
    "postgres://app:ENC[NACL,AAAA]@db/app",
    // biome-ignore lint/suspicious/noTemplateCurlyInString: a reference, as configuration has it
    "postgres://app:${DB_PASSWORD}@db/app",
    "postgres://user:password@localhost/",
    "http://host:8080/path@x",
    "git@github.com:a/b",
  ])
    assert.deepEqual(found(text), [], text);
});

test("in configuration, a variable whose name says secret and whose value could be one", () => {
  for (const line of [
    "DB_PASSWORD=hunter22",
    "export API_KEY='a8f3b2c1d9'",
    "  dbPassword: correct horse",
    '  "apiToken": "a8f3b2c1d9",',
    "- SIGNING_KEY=a8f3b2c1d9",
    "client.secret: a8f3b2c1d9 # from the portal",
  ])
    assert.equal(found(line).length, 1, line);
  for (const line of [
    "DB_PASSWORD=",
    "DB_PASSWORD=$PASSWORD",
    "DB_PASSWORD: ENC[HPKE,AAAA]",
    "DB_PASSWORD: changeme",
    "DB_PASSWORD_FILE=/run/secrets/db",
    "SECRET_NAME: database",
    "PUBLIC_KEY: MCowBQYDK2VwAyEA",
    "TOKEN_URL: https://issuer/token",
    "TOKEN_TTL=3600",
    "PASSWORD_REQUIRED: true",
    "MONKEY: banana",
    "KEYBOARD=qwertz",
    "primary_keys: [a, b]",
    "key: value-of-something",
    "secretKeyRef:",
    "password: /run/secrets/db",
    "password: *anchor",
    "token: null",
  ])
    assert.deepEqual(found(line), [], line);
});

test("in source code, names say nothing", () => {
  assert.deepEqual(found('password = "hunter2222"', "app.py"), []);
});

test("a long line costs no more than its length", () => {
  const started = cpuMs();
  for (const text of [
    "a".repeat(2_000_000),
    "x://a:".repeat(200_000),
    "A=".repeat(500_000),
    " ".repeat(1_000_000),
  ])
    findPlainSecrets(text, "a.env");
  assert.ok(cpuMs() - started < 10_000);
});
