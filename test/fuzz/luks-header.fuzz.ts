import { readSlots } from "../../src/adapters/luks/header.ts";
import { readTokens } from "../../src/adapters/luks/tokens.ts";

const slot = { type: "luks2", key_size: 64, kdf: { type: "pbkdf2", hash: "sha256", iterations: 1000 } };

export default {
  name: "LUKS2 metadata",
  examples: [Buffer.from(JSON.stringify({ keyslots: { 0: slot, 3: slot }, tokens: {}, config: {} }))],
  run: (bytes: Uint8Array): void => void readSlots(Buffer.from(bytes).toString("utf8")),
};
