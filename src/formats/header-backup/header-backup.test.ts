import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { concat, fromHex, toHex, utf8 } from "../../base/bytes.ts";
import { isKeywardError } from "../../base/errors.ts";
import { Secret } from "../../base/secret.ts";
import { systemRandom } from "../../crypto/random.ts";
import type { VersionNumber } from "../../model/key.ts";
import { openHeader, peekHeader, sealHeader } from "./header-backup.ts";

interface Vector {
  readonly shows: string;
  readonly uuid: string;
  readonly version: VersionNumber;
  readonly key: string;
  readonly salt: string;
  readonly nonce: string;
  readonly header: string;
  readonly sealed: string;
}

const { vectors } = JSON.parse(
  readFileSync(new URL("../../../test/vectors/header-backup/header-backup-v1.json", import.meta.url), "utf8"),
) as { vectors: readonly Vector[] };

for (const vector of vectors) {
  test(`vector: ${vector.shows}`, () => {
    const { uuid, version } = vector;
    const key = Secret.take(fromHex(vector.key, "key"));
    let chance = concat(fromHex(vector.salt, "salt"), fromHex(vector.nonce, "nonce"));
    const random = (length: number): Uint8Array => {
      const bytes = chance.slice(0, length);
      chance = chance.slice(length);
      return bytes;
    };
    const header = Secret.take(fromHex(vector.header, "header"));
    assert.equal(toHex(sealHeader({ uuid, version, header }, key, random)), vector.sealed);
    const sealed = fromHex(vector.sealed, "sealed");
    assert.deepEqual(peekHeader(sealed), { uuid, version });
    assert.equal(toHex(openHeader(sealed, key).header.reveal()), vector.header);
  });
}

const key = Secret.take(systemRandom(64));
const uuid = "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0";
const sealed = sealHeader(
  { uuid, version: 3 as VersionNumber, header: Secret.take(utf8("header")) },
  key,
  systemRandom,
);
const refused = (error: unknown): boolean =>
  isKeywardError(error, "malformed") || isKeywardError(error, "wrong-key");

test("every truncation, a trailing byte and every changed bit are refused", () => {
  for (let length = 0; length < sealed.length; length++)
    assert.throws(() => openHeader(sealed.subarray(0, length), key), refused, `${length} bytes`);
  assert.throws(() => openHeader(Uint8Array.from([...sealed, 0]), key), refused);
  for (let at = 0; at < sealed.length * 8; at++) {
    const changed = Uint8Array.from(sealed);
    changed[at >> 3] = (changed[at >> 3] ?? 0) ^ (1 << (at & 7));
    assert.throws(() => openHeader(changed, key), refused, `bit ${at}`);
  }
});

test("another key is told, and which one is wanted", () => {
  assert.throws(
    () => openHeader(sealed, Secret.take(systemRandom(64))),
    (error) => isKeywardError(error, "wrong-key") && /version 3/.test(error.hint ?? ""),
  );
});

test("a UUID that LUKS would not write is refused", () => {
  const header = Secret.take(utf8("header"));
  for (const bad of ["", uuid.toUpperCase(), uuid.replaceAll("-", ""), `${uuid}0`])
    assert.throws(
      () => sealHeader({ uuid: bad, version: 1 as VersionNumber, header }, key, systemRandom),
      refused,
      bad,
    );
});
