import { readSlots } from "../../src/adapters/luks/header.ts";
import { readVolumeKey } from "../../src/adapters/luks/reencrypt.ts";
import { formatToken, readIntents, readStrangers, readTokens } from "../../src/adapters/luks/tokens.ts";

const slot = { type: "luks2", key_size: 64, kdf: { type: "pbkdf2", hash: "sha256", iterations: 1000 } };
const digests = { 0: { segments: ["0"], digest: "eW91" } };
const token = JSON.parse(formatToken({ slot: 3, key: "disk/db1", version: 2 }));

export default {
  name: "LUKS2 metadata",
  examples: [
    Buffer.from(
      JSON.stringify({ keyslots: { 0: slot, 3: slot }, tokens: { 0: token }, config: {}, digests }),
    ),
  ],
  run(bytes: Uint8Array): void {
    const text = Buffer.from(bytes).toString("utf8");
    if (bytes.byteLength % 7 === 0) readVolumeKey(text);
    else if (bytes.byteLength % 3 === 0) readIntents(text);
    else if (bytes.byteLength % 2 === 0) readTokens(text);
    else if (bytes.byteLength % 5 === 0) readStrangers(text);
    else readSlots(text);
  },
};
