import assert from "node:assert/strict";
import { createPublicKey, generateKeyPairSync, verify } from "node:crypto";
import { test } from "node:test";
import { createCsr } from "./csr.ts";

const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });

interface Element {
  readonly tag: number;
  /** With tag and length. */
  readonly whole: Buffer;
  readonly content: Buffer;
}

/** The elements of a DER string, one after the other; they must fill it. */
function elements(bytes: Buffer): Element[] {
  const found: Element[] = [];
  for (let at = 0; at < bytes.length; ) {
    const first = bytes[at + 1] ?? 0;
    const size = first & 0x80 ? first & 0x7f : 0;
    const length = size === 0 ? first : bytes.readUIntBE(at + 2, size);
    const start = at + 2 + size;
    assert.ok(start + length <= bytes.length);
    found.push({
      tag: bytes[at] ?? 0,
      whole: bytes.subarray(at, start + length),
      content: bytes.subarray(start, start + length),
    });
    at = start + length;
  }
  return found;
}

function only(bytes: Buffer): Element {
  const [element, ...more] = elements(bytes);
  assert.ok(element !== undefined && more.length === 0);
  return element;
}

function parts(commonName: string) {
  const pem = createCsr(privateKey, commonName);
  const der = Buffer.from(pem.replace(/-----[A-Z ]+-----|\n/g, ""), "base64");
  const [info, algorithm, signature] = elements(only(der).content);
  assert.ok(info !== undefined && algorithm !== undefined && signature !== undefined);
  const [version, subject, publicKey, attributes] = elements(info.content);
  assert.ok(
    version !== undefined && subject !== undefined && publicKey !== undefined && attributes !== undefined,
  );
  return { pem, info, algorithm, signature, version, subject, publicKey, attributes };
}

test("a request is PEM in lines of 64 characters", () => {
  const lines = parts("db1").pem.trimEnd().split("\n");
  assert.equal(lines[0], "-----BEGIN CERTIFICATE REQUEST-----");
  assert.equal(lines.at(-1), "-----END CERTIFICATE REQUEST-----");
  assert.ok(lines.slice(1, -2).every((line) => line.length === 64));
});

test("version, subject and attributes are as RFC 2986 has them", () => {
  const { version, subject, attributes } = parts("db1");
  assert.deepEqual([...version.whole], [2, 1, 0]);
  assert.equal(subject.whole.toString("hex"), "300e310c300a06035504030c03646231");
  assert.deepEqual([...attributes.whole], [0xa0, 0]);
});

test("the public key is the private key's, and its signature covers all of the info", () => {
  const { info, algorithm, signature, publicKey } = parts("web-00.example.com");
  const spki = createPublicKey(privateKey).export({ type: "spki", format: "der" });
  assert.ok(publicKey.whole.equals(spki));
  assert.equal(algorithm.content.toString("hex"), "06082a8648ce3d040302");
  assert.equal(signature.content[0], 0);
  assert.equal(
    verify("sha256", info.whole, createPublicKey(privateKey), signature.content.subarray(1)),
    true,
  );
});

test("a name that is too long for a common name is left out", () => {
  assert.equal(parts("n".repeat(64)).subject.content.length > 64, true);
  assert.equal(parts("n".repeat(65)).subject.content.length, 0);
});
