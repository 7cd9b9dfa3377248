/**
 * The audit log's signer: an Ed25519 key of the server's own, kept wrapped under the root key and in memory only
 * while unsealed. The public key stays known after a seal, so that what was signed can still be checked.
 */
import type { Signer } from "../audit/checkpoint.ts";

import { Secret } from "../base/secret.ts";
import type { Random } from "../crypto/random.ts";
import { ed25519PublicKey, ed25519Sign, SEED_SIZE } from "../crypto/sign.ts";
import type { RootKey } from "../seal/root-key.ts";
import { systemSecret } from "../seal/system.ts";
import type { Transact } from "../store/store.ts";

export interface AuditSigner extends Signer {
  /** Once the root key is there: open the signing key, or make it. @throws KeywardError `integrity` */
  open(): Promise<void>;
}

export interface AuditSignerNeeds {
  readonly rootKey: RootKey;
  readonly transact: Transact;
  readonly random: Random;
}

export function createAuditSigner({ rootKey, transact, random }: AuditSignerNeeds): AuditSigner {
  let seed: Secret | null = null;
  let publicKey: Uint8Array | null = null;
  rootKey.onSeal(() => {
    seed?.wipe();
    seed = null;
  });
  const make = (): Secret => Secret.take(random(SEED_SIZE));
  return {
    sign: (bytes) => (seed === null ? null : ed25519Sign(seed.reveal(), bytes)),
    get publicKey() {
      return publicKey;
    },
    async open() {
      const opened = await transact((tx) => systemSecret(tx, rootKey, "audit-signing", make));
      seed?.wipe();
      seed = opened;
      publicKey = ed25519PublicKey(opened.reveal());
    },
  };
}
