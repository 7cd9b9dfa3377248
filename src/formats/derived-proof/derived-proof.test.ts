import assert from "node:assert/strict";
import { createPrivateKey } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fromBase64, fromHex, toBase64, toHex } from "../../base/bytes.ts";
import type { ShownSeed } from "../../model/grant.ts";
import type { RealmKind } from "../../model/realm.ts";
import { type DerivedProofOf, isDerivedProof, proveDerived, readPublic, signs } from "./derived-proof.ts";

interface Vector {
  readonly kind: RealmKind["kind"];
  readonly challenge: string;
  readonly node: string;
  readonly key: string;
  readonly version: number;
  readonly shown: ShownSeed;
  /** PKCS #8, DER in base64; of a kind that signs. */
  readonly private?: string;
  readonly proof: string;
}

const { vectors } = JSON.parse(
  readFileSync(join(import.meta.dirname, "../../../test/vectors/derived-proof/v1.json"), "utf8"),
) as { vectors: Vector[] };

function privateOf({ private: pkcs8 }: Vector) {
  if (pkcs8 === undefined) return undefined;
  return createPrivateKey({ key: Buffer.from(pkcs8, "base64"), format: "der", type: "pkcs8" });
}

for (const vector of vectors) {
  const { kind, proof, challenge } = vector;
  const under = fromHex(challenge, "challenge");
  const bytes = fromBase64(proof, "proof");

  test(`${kind}: the recorded proof holds`, () => {
    assert.ok(isDerivedProof(bytes, under, kind, vector));
  });

  test(`${kind}: what is proved now holds, and is the same where nothing is random`, () => {
    const made = proveDerived(under, kind, vector, privateOf(vector));
    assert.ok(isDerivedProof(made, under, kind, vector));
    assert.equal(made.byteLength, bytes.byteLength);
    if (kind === "ed25519" || !signs(kind)) assert.equal(toHex(made), toHex(bytes));
  });

  test(`${kind}: each changed byte and each shorter proof is refused`, () => {
    for (let at = 0; at < bytes.byteLength; at++) {
      const changed = bytes.map((byte, i) => (i === at ? byte ^ 0x01 : byte));
      assert.ok(!isDerivedProof(changed, under, kind, vector), `byte ${at}`);
      assert.ok(!isDerivedProof(bytes.subarray(0, at), under, kind, vector), `length ${at}`);
    }
  });

  test(`${kind}: a proof of something else is refused`, () => {
    const { shown } = vector;
    const others: Partial<DerivedProofOf>[] = [
      { node: "db2" },
      { key: "ssh/other" },
      { version: vector.version + 1 },
      { shown: { ...shown, seed: "0000000000000000" } },
      { shown: { ...shown, generation: shown.generation + 1 } },
      { shown: { ...shown, tag: "0".repeat(32) } },
      { shown: { ...shown, tag: "no tag" } },
    ];
    for (const other of others) assert.ok(!isDerivedProof(bytes, under, kind, { ...vector, ...other }));
    assert.ok(
      !isDerivedProof(
        bytes,
        under.map((byte) => byte ^ 1),
        kind,
        vector,
      ),
    );
  });

  test(`${kind}: a public half of another kind, or none, is refused`, () => {
    for (const other of vectors) {
      const mine = createShape(vector.kind) === createShape(other.kind);
      if (mine) continue;
      const { public: _, ...rest } = vector.shown;
      const half = other.shown.public;
      const shown = half === undefined ? rest : { ...rest, public: half };
      assert.ok(!isDerivedProof(bytes, under, kind, { ...vector, shown }), other.kind);
    }
  });
}

/** Kinds of one shape cannot be told apart by their public half. */
function createShape(kind: RealmKind["kind"]): string {
  if (kind === "wireguard") return "x25519";
  return ["raw", "luks", "password", "pass"].includes(kind) ? "none" : kind;
}

test("every kind has a vector", () => {
  const kinds = ["ed25519", "p256", "p384", "p521", "x25519", "wireguard", "rsa2048", "raw", "password"];
  assert.deepEqual(
    vectors.map(({ kind }) => kind),
    kinds,
  );
});

test("a kind without a public half has none, not even an empty one", () => {
  const raw = vectors.find(({ kind }) => kind === "raw") ?? assert.fail();
  const shown = { ...raw.shown, public: "" };
  const proof = fromBase64(raw.proof, "proof");
  assert.ok(!isDerivedProof(proof, fromHex(raw.challenge, "challenge"), "raw", { ...raw, shown }));
});

test("a public half with bytes after it is none", () => {
  for (const { kind, shown } of vectors) {
    if (shown.public === undefined) continue;
    const longer = Buffer.concat([Buffer.from(shown.public, "base64"), Buffer.of(0)]);
    assert.equal(readPublic(kind, toBase64(longer)), null);
    assert.notEqual(readPublic(kind, shown.public), null);
  }
});
