import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createPrivateKey } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fromUtf8, toBase64, toHex, utf8 } from "../../base/bytes.ts";
import { isKeywardError } from "../../base/errors.ts";
import { generateEc, generateRsa } from "../../crypto/key-pair.ts";
import { systemRandom } from "../../crypto/random.ts";
import { ed25519PublicKey } from "../../crypto/sign.ts";
import {
  decodePrivateKey,
  decodePublicKey,
  ecdsaFromSec1,
  encodePrivateKey,
  encodePublicKey,
  fingerprintOf,
  formatPublicLine,
  parsePublicLine,
  publicKeyOf,
  rsaFromPkcs1,
  type SshPrivateKey,
} from "./openssh.ts";

interface Vector {
  readonly shows: string;
  readonly private: string;
  readonly public: string;
  readonly comment: string;
  readonly fingerprint: string;
  readonly check: number;
}

const { vectors, refused } = JSON.parse(
  readFileSync(new URL("../../../test/vectors/openssh/ssh-keygen.json", import.meta.url), "utf8"),
) as { vectors: Vector[]; refused: Pick<Vector, "shows" | "private">[] };

const malformed = (error: unknown): boolean => isKeywardError(error, "malformed");
const text = (bytes: Uint8Array): string => fromUtf8(bytes, "test");

for (const vector of vectors) {
  test(`ssh-keygen's ${vector.shows} is read, and written again byte for byte`, () => {
    const { key, comment } = decodePrivateKey(utf8(vector.private));
    assert.equal(comment, vector.comment);
    assert.equal(text(encodePrivateKey(key, comment, vector.check).reveal()), vector.private);
    assert.equal(formatPublicLine(publicKeyOf(key), comment), vector.public);
    assert.equal(fingerprintOf(publicKeyOf(key)), vector.fingerprint);
    assert.deepEqual(parsePublicLine(vector.public), { key: publicKeyOf(key), comment });
  });

  test(`ssh-keygen's ${vector.shows}: every truncation is refused`, () => {
    const file = utf8(vector.private);
    for (let length = 0; length < file.byteLength; length++) {
      assert.throws(() => decodePrivateKey(file.subarray(0, length)), malformed, `${length} bytes`);
    }
    const blob = encodePublicKey(parsePublicLine(vector.public).key);
    for (let length = 0; length < blob.byteLength; length++) {
      assert.throws(() => decodePublicKey(blob.subarray(0, length)), malformed, `${length} bytes`);
    }
  });

  test(`ssh-keygen's ${vector.shows}: what is read of a changed file is what it says`, () => {
    const file = utf8(vector.private);
    for (let at = 0; at < file.byteLength; at++) {
      const changed = Uint8Array.from(file);
      changed[at] = (changed[at] ?? 0) ^ 1;
      try {
        const { key, comment } = decodePrivateKey(changed);
        const again = encodePrivateKey(key, comment, 0).reveal();
        assert.equal(again.byteLength, changed.byteLength);
        assert.deepEqual(decodePrivateKey(again), { key, comment });
      } catch (error) {
        assert.ok(malformed(error), `byte ${at}: ${String(error)}`);
      }
    }
  });
}

for (const { shows, private: file } of refused) {
  test(`${shows} is refused`, () => {
    assert.throws(() => decodePrivateKey(utf8(file)), malformed);
  });
}

test("the two checks, the padding, the type and the public key must agree", () => {
  const { key } = decodePrivateKey(utf8(vectors[0]?.private ?? ""));
  const whole = decodeBody(encodePrivateKey(key, "c", 0x01020304).reveal());
  // The private part of an ed25519 key begins at 98, with its checks.
  for (const at of [98, 102, 110, 125, 140, 180, whole.byteLength - 1]) {
    const changed = Uint8Array.from(whole);
    changed[at] = (changed[at] ?? 0) ^ 0x40;
    assert.throws(() => decodePrivateKey(armored(changed)), malformed, `byte ${at}`);
  }
});

test("more than 64 KiB is too large", () => {
  assert.throws(
    () => decodePrivateKey(new Uint8Array(65_537)),
    (error) => isKeywardError(error, "too-large"),
  );
});

test("a comment is one short line", () => {
  const { key } = decodePrivateKey(utf8(vectors[0]?.private ?? ""));
  for (const comment of ["two\nlines", "a\0b", "x".repeat(1025), "\ud800"]) {
    assert.throws(() => encodePrivateKey(key, comment, 0), malformed);
    assert.throws(() => formatPublicLine(publicKeyOf(key), comment), malformed);
  }
  const umlaut = encodePrivateKey(key, "büro 1", 0).reveal();
  assert.equal(decodePrivateKey(umlaut).comment, "büro 1");
});

test("a public line with options, a wrong type, bad base64 or two lines is refused", () => {
  const [first, second] = vectors;
  const [type = "", blob = ""] = first?.public.split(" ") ?? [];
  for (const line of [
    "",
    type,
    `restrict ${type} ${blob}`,
    `ssh-rsa ${blob}`,
    `${type} ${blob}=`,
    `${type} ${blob.slice(0, -4)}`,
    `${type}  ${blob}`,
    `${type} ${blob} a\n${second?.public}`,
    `${type} ${blob} ${"x".repeat(9000)}`,
  ]) {
    assert.throws(() => parsePublicLine(line), malformed, line.slice(0, 60));
  }
  assert.equal(parsePublicLine(`${type} ${blob} several words\n`).comment, "several words");
});

const folder = mkdtempSync(join(tmpdir(), "keyward-openssh-"));
after(() => rmSync(folder, { recursive: true }));

function sshKeygen(...args: string[]): string {
  const { status, stdout, stderr, error } = spawnSync("ssh-keygen", args, { encoding: "utf8", input: "" });
  if (error !== undefined)
    assert.fail(`ssh-keygen does not run (${error.message}): install the package openssh-client`);
  assert.equal(status, 0, stderr);
  return stdout;
}

async function fresh(kind: string): Promise<SshPrivateKey> {
  const seed = systemRandom(32);
  switch (kind) {
    case "ed25519":
      return { kind, seed, key: ed25519PublicKey(seed) };
    case "rsa-3072":
      return rsaFromPkcs1(await generateRsa(3072, "pkcs1"));
    case "ecdsa-p256":
      return ecdsaFromSec1(await generateEc("p256", "sec1"), "p256");
    default:
      return ecdsaFromSec1(await generateEc("p384", "sec1"), "p384");
  }
}

for (const kind of ["ed25519", "rsa-3072", "ecdsa-p256", "ecdsa-p384"]) {
  test(`ssh-keygen reads our ${kind} key and agrees on the public key and the fingerprint`, async () => {
    const key = await fresh(kind);
    const path = join(folder, kind);
    writeFileSync(path, encodePrivateKey(key, "made by keyward", 0xfedcba98).reveal(), { mode: 0o600 });
    const line = formatPublicLine(publicKeyOf(key), "made by keyward");
    assert.equal(sshKeygen("-y", "-f", path).trim(), line);
    writeFileSync(`${path}.pub`, `${line}\n`);
    const [, fingerprint, ...comment] = sshKeygen("-l", "-f", `${path}.pub`).split(" ");
    assert.equal(fingerprint, fingerprintOf(publicKeyOf(key)));
    assert.equal(comment.slice(0, 3).join(" "), "made by keyward");
    // Signing uses the private numbers, all of them for RSA.
    writeFileSync(join(folder, "message"), kind);
    rmSync(join(folder, "message.sig"), { force: true });
    sshKeygen("-Y", "sign", "-q", "-f", path, "-n", "test", join(folder, "message"));
    writeFileSync(join(folder, "signers"), `us ${line}\n`);
    const verify = ["-Y", "verify", "-f", join(folder, "signers"), "-I", "us", "-n", "test", "-s"];
    const { status } = spawnSync("ssh-keygen", [...verify, join(folder, "message.sig")], { input: kind });
    assert.equal(status, 0);
  });
}

test("many keys come and go unchanged, those with small numbers too", async () => {
  for (let round = 0; round < 40; round++) {
    const key = round % 2 === 0 ? await fresh("ecdsa-p256") : await fresh("ed25519");
    const file = encodePrivateKey(key, `round ${round}`, round).reveal();
    const read = decodePrivateKey(file);
    assert.deepEqual(publicKeyOf(read.key), publicKeyOf(key));
    assert.deepEqual(encodePrivateKey(read.key, read.comment, round).reveal(), file);
  }
});

test("the runtime agrees with what was read from PKCS #1 and SEC 1", async () => {
  const der = await generateRsa(2048, "pkcs1");
  const jwk = createPrivateKey({ key: Buffer.from(der), format: "der", type: "pkcs1" }).export({
    format: "jwk",
  });
  const rsa = rsaFromPkcs1(der);
  assert.ok(rsa.kind === "rsa");
  const hex = (value: string | undefined) => toHex(Buffer.from(value ?? "", "base64url"));
  for (const [ours, theirs] of [
    [rsa.n, jwk.n],
    [rsa.e, jwk.e],
    [rsa.d, jwk.d],
    [rsa.p, jwk.p],
    [rsa.q, jwk.q],
    [rsa.iqmp, jwk.qi],
  ] as const) {
    assert.equal(toHex(ours), hex(theirs));
  }
  const sec1 = await generateEc("p384", "sec1");
  const ec = ecdsaFromSec1(sec1, "p384");
  const point = createPrivateKey({ key: Buffer.from(sec1), format: "der", type: "sec1" }).export({
    format: "jwk",
  });
  assert.ok(ec.kind === "ecdsa");
  assert.equal(toHex(ec.point), `04${hex(point.x)}${hex(point.y)}`);
  assert.throws(() => ecdsaFromSec1(sec1, "p256"), malformed);
  assert.throws(() => rsaFromPkcs1(sec1), malformed);
});

function decodeBody(file: Uint8Array): Uint8Array {
  return Uint8Array.from(Buffer.from(text(file).split("\n").slice(1, -2).join(""), "base64"));
}

function armored(whole: Uint8Array): Uint8Array {
  const lines = toBase64(whole).match(/.{1,70}/g) ?? [];
  return utf8(
    ["-----BEGIN OPENSSH PRIVATE KEY-----", ...lines, "-----END OPENSSH PRIVATE KEY-----", ""].join("\n"),
  );
}
