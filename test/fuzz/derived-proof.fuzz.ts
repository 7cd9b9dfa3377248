/** What a node shows of a derived key: a public half, and a proof that must not hold for anything but itself. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fromBase64, fromHex, toBase64 } from "../../src/base/bytes.ts";
import {
  type DerivedProofOf,
  isDerivedProof,
  readPublic,
} from "../../src/formats/derived-proof/derived-proof.ts";
import type { RealmKind } from "../../src/model/realm.ts";

type Vector = DerivedProofOf & {
  readonly kind: RealmKind["kind"];
  readonly challenge: string;
  readonly proof: string;
};
const { vectors } = JSON.parse(
  readFileSync(join(import.meta.dirname, "../vectors/derived-proof/v1.json"), "utf8"),
) as { vectors: Vector[] };

export default {
  name: "formats/derived-proof",
  examples: vectors.flatMap(({ proof, shown }) => [
    fromBase64(proof, "proof"),
    ...(shown.public === undefined ? [] : [fromBase64(shown.public, "public half")]),
  ]),
  run(bytes: Uint8Array): void {
    const text = toBase64(bytes);
    for (const vector of vectors) {
      const { kind, challenge, shown, proof } = vector;
      const under = fromHex(challenge, "challenge");
      readPublic(kind, text);
      const other = { ...vector, shown: { ...shown, public: text } };
      if (isDerivedProof(fromBase64(proof, "proof"), under, kind, other) && text !== shown.public)
        throw new Error(`${kind}: a proof holds for another public half`);
      if (isDerivedProof(bytes, under, kind, vector) && text !== proof && kind === "ed25519")
        throw new Error(`${kind}: another proof holds`);
    }
  },
};
