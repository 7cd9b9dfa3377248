/**
 * `ENC[KMS,…]`: a value under a data key that AWS KMS wrapped; after base64, a gob stream of one struct.
 *
 *     field             gob type     content
 *     EncryptedDataKey  []byte       what KMS made of the data key, to be sent back to it
 *     Nonce             [24]uint8    random
 *     Message           []byte       tag (16 bytes) and ciphertext: XSalsa20-Poly1305 under the 32-byte data key
 *
 * Reading goes by the names of the fields, whatever the stream's types are called or numbered; writing gives the
 * bytes of the original. Spec: docs/formats/secretary.md. Vectors: test/vectors/secretary/kms.json.
 */
import { concat, toBase64 } from "../../base/bytes.ts";
import { KeywardError } from "../../base/errors.ts";
import { Secret } from "../../base/secret.ts";
import {
  openSecretBox,
  SECRET_BOX_KEY_SIZE,
  SECRET_BOX_NONCE_SIZE,
  SECRET_BOX_TAG_SIZE,
  sealSecretBox,
} from "../../crypto/secret-box.ts";
import { bodyOf, envelopeText } from "./envelope-text.ts";
import { decodeGob } from "./gob-decode.ts";
import {
  defineArray,
  defineStruct,
  encodeBytes,
  encodeMessage,
  encodeStruct,
  encodeUint,
} from "./gob-encode.ts";
import { BYTES, type GobValue, UINT } from "./gob-types.ts";

export interface KmsEnvelope {
  readonly encryptedDataKey: Uint8Array;
  readonly nonce: Uint8Array;
  readonly message: Uint8Array;
}

export const KMS_NONCE_SIZE = SECRET_BOX_NONCE_SIZE;
/** The longest `CiphertextBlob` that KMS takes (API reference, Decrypt). */
const MAX_DATA_KEY_BLOB = 6144;

const PAYLOAD = 65;
const NONCE = 66;
/** The same 95 bytes before every value. */
const definitions = concat(
  defineStruct(PAYLOAD, "kmsPayload", [
    ["EncryptedDataKey", BYTES],
    ["Nonce", NONCE],
    ["Message", BYTES],
  ]),
  defineArray(NONCE, "[24]uint8", UINT, SECRET_BOX_NONCE_SIZE),
);

/**
 * @param dataKey - 32 bytes, from KMS.
 * @param encryptedDataKey - The same, as KMS wrapped it.
 * @param nonce - 24 random bytes, never used before with this key.
 */
export function sealKms(
  dataKey: Secret,
  encryptedDataKey: Uint8Array,
  nonce: Uint8Array,
  value: Uint8Array,
): string {
  assertDataKey(dataKey);
  return formatKms({ encryptedDataKey, nonce, message: sealSecretBox(dataKey.reveal(), nonce, value) });
}

/**
 * @param dataKey - What KMS made of `encryptedDataKey`.
 * @returns The value, which the caller wipes.
 * @throws KeywardError `malformed` when the data key has not 32 bytes; `wrong-key` when it is another, or the
 *   envelope was changed.
 */
export function openKms(dataKey: Secret, { nonce, message }: KmsEnvelope, what: string): Secret {
  assertDataKey(dataKey);
  const value = openSecretBox(dataKey.reveal(), nonce, message);
  if (value !== null) return Secret.take(value);
  throw new KeywardError("wrong-key", `${what}: sealed with another data key, or changed`);
}

export function formatKms({ encryptedDataKey, nonce, message }: KmsEnvelope): string {
  const elements = Array.from(nonce, encodeUint);
  const value = encodeStruct(
    encodeBytes(encryptedDataKey),
    concat(encodeUint(elements.length), ...elements),
    encodeBytes(message),
  );
  return envelopeText("KMS", toBase64(concat(definitions, encodeMessage(PAYLOAD, value))));
}

/** @throws KeywardError `malformed`, `too-large`; `what` names the place. */
export function parseKms(text: string, what: string): KmsEnvelope {
  const { fields } = decodeGob(bodyOf("KMS", text, what), what);
  const encryptedDataKey = bytesOf(fields.get("EncryptedDataKey"));
  const nonce = nonceOf(fields.get("Nonce"));
  const message = bytesOf(fields.get("Message"));
  if (encryptedDataKey === null || nonce === null || message === null)
    throw new KeywardError("malformed", `${what}: data key, nonce or message is missing, or of another kind`);
  if (message.byteLength < SECRET_BOX_TAG_SIZE)
    throw new KeywardError("malformed", `${what}: message shorter than its tag`);
  if (encryptedDataKey.byteLength > MAX_DATA_KEY_BLOB)
    throw new KeywardError("too-large", `${what}: data key of more than ${MAX_DATA_KEY_BLOB} bytes`);
  return { encryptedDataKey, nonce, message };
}

function bytesOf(value: GobValue | undefined): Uint8Array | null {
  return value?.kind === "bytes" && value.value.byteLength > 0 ? value.value : null;
}

function nonceOf(value: GobValue | undefined): Uint8Array | null {
  if (value?.kind !== "array" || value.elements.length !== SECRET_BOX_NONCE_SIZE) return null;
  const bytes = value.elements.map((element) => (element.kind === "uint" ? Number(element.value) : -1));
  return bytes.every((byte) => byte >= 0 && byte <= 255) ? Uint8Array.from(bytes) : null;
}

function assertDataKey({ length }: Secret): void {
  if (length !== SECRET_BOX_KEY_SIZE)
    throw new KeywardError("malformed", `data key: ${length} bytes, not ${SECRET_BOX_KEY_SIZE}`);
}
