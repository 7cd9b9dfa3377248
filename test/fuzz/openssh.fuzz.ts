import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fromUtf8, utf8 } from "../../src/base/bytes.ts";
import { isKeywardError } from "../../src/base/errors.ts";
import { readElements } from "../../src/formats/der.ts";
import {
  decodeCertificate,
  decodePrivateKey,
  decodePublicKey,
  encodePublicKey,
  parseCertificateLine,
  parsePublicLine,
  rsaFromPkcs1,
  signCertificate,
} from "../../src/formats/openssh/openssh.ts";

const { vectors } = JSON.parse(
  readFileSync(join(import.meta.dirname, "../vectors/openssh/ssh-keygen.json"), "utf8"),
) as { vectors: { private: string; public: string }[] };

/** The private file, the public line, its blob, and the binary inside the file: a bad input to one is one to all. */
const readers: readonly ((bytes: Uint8Array) => unknown)[] = [
  decodePrivateKey,
  decodePublicKey,
  decodeCertificate,
  rsaFromPkcs1,
  (bytes) => parseCertificateLine(fromUtf8(bytes, "fuzz")),
  (bytes) => readElements(bytes, "fuzz"),
  (bytes) => parsePublicLine(fromUtf8(bytes, "fuzz")),
];

const certificate = (line: string) =>
  signCertificate(
    {
      key: parsePublicLine(line).key,
      serial: 1n,
      type: "user",
      keyId: "a",
      principals: ["b", "c"],
      validFrom: 1,
      validUntil: 2,
      critical: { "force-command": "d" },
      extensions: ["permit-pty"],
    },
    new Uint8Array(32),
    new Uint8Array(32),
  );

export default {
  name: "openssh",
  examples: vectors.flatMap((vector) => [
    utf8(vector.private),
    utf8(vector.public),
    encodePublicKey(parsePublicLine(vector.public).key),
    certificate(vector.public),
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
