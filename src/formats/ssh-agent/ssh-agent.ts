/**
 * The protocol of ssh-agent, the agent's side: which keys there are, and a signature by one of them. All else is
 * answered with a failure.
 *
 *     message    uint32 length, byte type, fields by type
 *
 *     11    which keys?       nothing
 *     12    these             uint32 count, then string key blob, string comment each
 *     13    sign              string key blob, string data, uint32 flags
 *     14    signature         string: string algorithm, string signature
 *      5    failure           nothing
 *
 * Source: draft-miller-ssh-agent. Page: docs/formats/ssh-agent.md. Tests: ssh-add and ssh.
 */
import { concat } from "../../base/bytes.ts";
import { KeywardError } from "../../base/errors.ts";
import { MAX_PACKET } from "../ssh-packets.ts";
import { createReader, string, uint32 } from "../ssh-wire.ts";

export { createPackets } from "../ssh-packets.ts";

export type AgentQuestion =
  | { readonly kind: "list" }
  | { readonly kind: "sign"; readonly key: Uint8Array; readonly data: Uint8Array }
  | { readonly kind: "other" };

export interface AgentIdentity {
  /** A public key's blob, or a certificate. */
  readonly blob: Uint8Array;
  readonly comment: string;
}

/** @param message - Without its length. @throws KeywardError `malformed` */
export function decodeQuestion(message: Uint8Array): AgentQuestion {
  const reader = createReader(message, "ssh-agent");
  const type = reader.byte();
  if (type === 11) {
    reader.end();
    return { kind: "list" };
  }
  if (type !== 13) return { kind: "other" };
  const question = { kind: "sign", key: reader.string(16_384), data: reader.string(MAX_PACKET) } as const;
  reader.uint32();
  reader.end();
  return question;
}

export function encodeIdentities(identities: readonly AgentIdentity[]): Uint8Array {
  const each = identities.map(({ blob, comment }) => concat(string(blob), string(comment)));
  return message(12, uint32(identities.length), ...each);
}

/** @param algorithm - `ssh-ed25519`, say. */
export function encodeSignature(algorithm: string, signature: Uint8Array): Uint8Array {
  return message(14, string(concat(string(algorithm), string(signature))));
}

export function encodeFailure(): Uint8Array {
  return message(5);
}

function message(type: number, ...fields: readonly Uint8Array[]): Uint8Array {
  const body = concat(Uint8Array.of(type), ...fields);
  if (body.byteLength > MAX_PACKET) throw new KeywardError("internal", "ssh-agent: a message too long");
  return concat(uint32(body.byteLength), body);
}
