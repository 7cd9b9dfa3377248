import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fromUtf8, utf8 } from "../../src/base/bytes.ts";
import { isKeywardError } from "../../src/base/errors.ts";
import { readElements } from "../../src/formats/der.ts";
import {
  decodePrivateKey,
  decodePublicKey,
  encodePublicKey,
  parsePublicLine,
  rsaFromPkcs1,
} from "../../src/formats/openssh/openssh.ts";

const { vectors } = JSON.parse(
  readFileSync(join(import.meta.dirname, "../vectors/openssh/ssh-keygen.json"), "utf8"),
) as { vectors: { private: string; public: string }[] };

/** The private file, the public line, its blob, and the binary inside the file: a bad input to one is one to all. */
const readers: readonly ((bytes: Uint8Array) => unknown)[] = [
  decodePrivateKey,
  decodePublicKey,
  rsaFromPkcs1,
  (bytes) => readElements(bytes, "fuzz"),
  (bytes) => parsePublicLine(fromUtf8(bytes, "fuzz")),
];

export default {
  name: "openssh",
  examples: vectors.flatMap((vector) => [
    utf8(vector.private),
    utf8(vector.public),
    encodePublicKey(parsePublicLine(vector.public).key),
  ]),
  run(bytes: Uint8Array): void {
    for (const read of readers) {
      try {
        read(bytes);
      } catch (error) {
        if (!isKeywardError(error)) throw error;
      }
    }
  },
};
