/**
 * The wire formats of Secretary: what it stores, what its client and daemon say to each other, and what it prints.
 *
 *     nacl.ts, kms.ts        `ENC[NACL,…]` and `ENC[KMS,…]`
 *     recognise.ts           envelopes in running text
 *     keys.ts                keys as PEM and as base64
 *     form.ts, exchange.ts   `POST /v1/decrypt`: the form, the request and the response in their layers
 *     instant.ts             an app's version
 *     allowed.ts             a Mesos task's labels: what it may open
 *     shell.ts               lines for a shell
 *
 * This file opens either kind of envelope. Spec: docs/formats/secretary.md. Vectors: test/vectors/secretary/.
 */
import { KeywardError } from "../../base/errors.ts";
import { type KmsEnvelope, parseKms } from "./kms.ts";
import { type NaclEnvelope, parseNacl } from "./nacl.ts";

export type Envelope =
  | { readonly kind: "nacl"; readonly nacl: NaclEnvelope }
  | { readonly kind: "kms"; readonly kms: KmsEnvelope };

/**
 * Exactly one envelope, and nothing before or after it.
 *
 * @param what - Names the place in errors.
 * @throws KeywardError `malformed`, `too-large`
 */
export function parseEnvelope(text: string, what: string): Envelope {
  if (text.startsWith("ENC[NACL,")) return { kind: "nacl", nacl: parseNacl(text, what) };
  if (text.startsWith("ENC[KMS,")) return { kind: "kms", kms: parseKms(text, what) };
  throw new KeywardError("malformed", `${what}: neither ENC[NACL,…] nor ENC[KMS,…]`);
}
