/** HPKE envelopes and the keys' text. */
import { utf8 } from "../../src/base/bytes.ts";
import { openEnvelope, parseEnvelope, sealEnvelope } from "../../src/formats/hpke/hpke.ts";
import { createKeyRing } from "../../src/formats/hpke/key-ring.ts";
import {
  formatRecipientPublicKey,
  formatWriter,
  generateRecipient,
  generateWriter,
  parseRecipientPublicKey,
  parseWriter,
} from "../../src/formats/hpke/keys.ts";

const counting = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => i + 1);
const recipient = generateRecipient(counting);
const writer = generateWriter(counting);
const ring = createKeyRing([recipient], [writer.publicKey]);
const place = { environment: "prod", variable: "A" };
const envelope = sealEnvelope({ recipient: recipient.publicKey, writer, place }, counting, utf8("value"));

export default {
  name: "formats/hpke",
  examples: [
    utf8(envelope),
    Buffer.from(envelope.slice(9, -1), "base64"),
    utf8(formatRecipientPublicKey(recipient.publicKey)),
    formatWriter(writer).reveal(),
  ],
  run(bytes: Uint8Array): void {
    const text = Buffer.from(bytes).toString("utf8");
    if (text.startsWith("-----BEGIN PUBLIC")) parseRecipientPublicKey(text, "fuzz");
    else if (text.startsWith("-----")) parseWriter(text, "fuzz");
    else if (text.startsWith("ENC")) openEnvelope(parseEnvelope(text, "fuzz"), ring, place, "fuzz");
    else {
      const wrapped = `ENC[HPKE,${Buffer.from(bytes).toString("base64")}]`;
      openEnvelope(parseEnvelope(wrapped, "fuzz"), ring, place, "fuzz");
    }
  },
};
