import assert from "node:assert/strict";
import { test } from "node:test";
import { bytes, keyBetween, load } from "../../../test/vectors/secretary/load.ts";
import { cpuMs } from "../../../test/waiting.ts";
import { utf8 } from "../../base/bytes.ts";
import { isKeywardError } from "../../base/errors.ts";
import type { Secret } from "../../base/secret.ts";
import { withoutSpace } from "./go-space.ts";
import { openNacl } from "./nacl.ts";
import {
  ANY_TYPE,
  findEnvelopes,
  findEnvelopesInBytes,
  replaceEnvelopes,
  SECRETARY_TYPES,
} from "./recognise.ts";
import { exportLine } from "./shell.ts";

const key = keyBetween("master.private", "config.public");
const good = load("nacl-envelopes").cases[3].envelope as string;

/** What `decrypt` does with its input. */
function decrypt(document: Uint8Array): Secret {
  const found = findEnvelopesInBytes(document, SECRETARY_TYPES);
  const values = found.map(({ envelope }) => openNacl(key, envelope, "stdin").reveal());
  return replaceEnvelopes(document, found, values);
}

interface Run {
  readonly name: string;
  readonly stdin_b64: string;
  readonly exitCode: number;
  readonly stdout_b64: string;
}

const stdin = load("decrypt-stdin");

for (const run of stdin.cases as readonly Run[]) {
  test(`stdin ${run.name}: ${run.exitCode === 0 ? "the original's output" : "refused whole"}`, () => {
    if (run.exitCode === 0) assert.deepEqual(decrypt(bytes(run.stdin_b64)).reveal(), bytes(run.stdout_b64));
    else assert.throws(() => decrypt(bytes(run.stdin_b64)), isKeywardError);
  });
}

test("a value that is itself an envelope stays where it is put; the original replaced it too", () => {
  for (const run of stdin.quirks.cases as readonly Run[]) {
    const output = Buffer.from(decrypt(bytes(run.stdin_b64)).reveal()).toString();
    const [left, right] = output.split(" | ");
    assert.equal([left, right].filter((part) => part === "correct horse battery staple").length, 1, run.name);
    assert.equal([left, right].filter((part) => part?.startsWith("ENC[NACL,")).length, 1, run.name);
  }
});

interface EnvRun {
  readonly name: string;
  readonly environ: readonly { readonly entry_b64: string }[];
  readonly exitCode: number;
  readonly stdout_b64: string;
}

/** What `decrypt -e` prints, all or nothing. */
function decryptEnvironment(environ: EnvRun["environ"]): Uint8Array {
  const seen = new Set<string>();
  const lines = environ.map(({ entry_b64 }) => {
    const entry = Buffer.from(entry_b64, "base64");
    const equals = entry.indexOf("=");
    const name = entry.subarray(0, Math.max(equals, 0)).toString();
    const value = entry.subarray(equals + 1);
    if (seen.has(name) || findEnvelopesInBytes(value).length === 0) return utf8("");
    seen.add(name);
    return exportLine(name, decrypt(value).reveal()).reveal();
  });
  return new Uint8Array(Buffer.concat(lines));
}

const env = load("decrypt-env");

for (const run of env.cases as readonly EnvRun[]) {
  const refused = run.exitCode !== 0 || run.name === "plaintext-nul";
  test(`environment ${run.name}: ${refused ? "nothing printed" : "the original's lines"}`, () => {
    if (refused) assert.throws(() => decryptEnvironment(run.environ), isKeywardError);
    else assert.deepEqual(decryptEnvironment(run.environ), bytes(run.stdout_b64));
  });
}

test("what the original printed unquoted is quoted", () => {
  const lines = (env.quirks.cases as readonly EnvRun[]).map((run) =>
    Buffer.from(decryptEnvironment(run.environ)).toString(),
  );
  assert.deepEqual(lines, [
    "export Q='it'\\''s; touch pwned; '\\'''\n",
    "export R=''\\''correct horse battery staple'\n",
    "export DATABASE_PASSWORD='correct horse battery staple'\n",
  ]);
});

test("types are those that are asked for", () => {
  const text = "ENC[FOO,AAAA] ENC[NACL,AAAA] ENC[HPKE,AA AA] ENC[KMS,AAAA] ENC[,AAAA] ENC[A-B,AAAA]";
  assert.deepEqual(
    findEnvelopes(text).map(({ type }) => type),
    ["NACL", "HPKE", "KMS"],
  );
  assert.deepEqual(
    findEnvelopes(text, ANY_TYPE).map(({ type }) => type),
    ["FOO", "NACL", "HPKE", "KMS"],
  );
});

test("positions are those of the text, and the envelope comes without blanks", () => {
  const text = `é ${good.slice(0, 20)}\n\t ${good.slice(20)}!`;
  const [found] = findEnvelopes(text);
  assert.equal(found?.envelope, good);
  assert.equal(text.slice(0, found?.start), "é ");
  assert.equal(text.slice(found?.end), "!");
});

test("ten thousand envelopes, and a megabyte of beginnings, take no time worth speaking of", () => {
  const document = utf8(`x ${good}\n`.repeat(10_000));
  const found = findEnvelopesInBytes(document);
  assert.equal(found.length, 10_000);
  const replaced = replaceEnvelopes(document, found, new Array<Uint8Array>(10_000).fill(utf8("é")));
  assert.deepEqual(replaced.reveal(), utf8("x é\n".repeat(10_000)));
  const started = cpuMs();
  assert.deepEqual(findEnvelopes("ENC[NACL,".repeat(120_000)), []);
  assert.deepEqual(findEnvelopes(`ENC[NACL,${"A ".repeat(500_000)}`), []);
  assert.ok(cpuMs() - started < 5000);
});

test("white space is Go's, not JavaScript's", () => {
  assert.equal(
    withoutSpace("a\t\n\v\f\r \u0085\u00a0\u1680\u2003\u2028\u2029\u202f\u205f\u3000b\ufeff"),
    "ab\ufeff",
  );
});
