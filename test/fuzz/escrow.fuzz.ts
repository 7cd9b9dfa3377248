import { readFileSync } from "node:fs";
import { join } from "node:path";
import { utf8 } from "../../src/base/bytes.ts";
import { Secret } from "../../src/base/secret.ts";
import { x25519PublicKey } from "../../src/crypto/agree.ts";
import {
  formatSealedShare,
  openShare,
  parseSealedShare,
  peekShare,
} from "../../src/formats/escrow/escrow.ts";

const { cases } = JSON.parse(
  readFileSync(join(import.meta.dirname, "../vectors/escrow/escrow-v1.json"), "utf8"),
) as { cases: { sealed: string }[] };
const texts = cases.map(({ sealed }) => utf8(sealed));
const privateKey = Uint8Array.from({ length: 32 }, (_, i) => 0x20 + i);
const publicKey = x25519PublicKey(privateKey);

export default {
  name: "escrow",
  examples: [...texts, ...texts.map((text) => parseSealedShare(text, "example"))],
  run(bytes: Uint8Array): void {
    const isText = bytes[0] === 0x2d;
    const sealed = isText ? parseSealedShare(bytes, "fuzz") : bytes;
    peekShare(sealed);
    formatSealedShare(sealed);
    openShare(sealed, { publicKey, privateKey: Secret.copy(privateKey) });
  },
};
