/** The keys at hand, found by the ids in an envelope, so that several generations of keys cost no trials. */
import { type KeyId, type Recipient, recipientKeyId, type WriterPublicKey, writerKeyId } from "./keys.ts";

export interface KeyRing {
  /** `null` when it is not here. */
  recipient(id: KeyId): Recipient | null;
  /** `null` when it is not trusted. */
  writer(id: KeyId): WriterPublicKey | null;
}

/**
 * @param recipients - Old and new keys of the environment.
 * @param writers - Everyone whose values are taken.
 */
export function createKeyRing(
  recipients: readonly Recipient[],
  writers: readonly WriterPublicKey[],
): KeyRing {
  const ours = new Map(recipients.map((recipient) => [recipientKeyId(recipient.publicKey), recipient]));
  const trusted = new Map(writers.map((writer) => [writerKeyId(writer), writer]));
  return {
    recipient: (id) => ours.get(id) ?? null,
    writer: (id) => trusted.get(id) ?? null,
  };
}
