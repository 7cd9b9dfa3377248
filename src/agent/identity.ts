/**
 * Identity: the private key that a server knows this host by. Either it is random and kept in the state directory,
 * or it follows from the machine's seed and is kept nowhere: then a host that has lost everything but its seed is
 * the same node as before.
 */
import { createHash, createPrivateKey, createPublicKey, X509Certificate } from "node:crypto";
import { isKeywardError, KeywardError } from "../base/errors.ts";
import type { Secret } from "../base/secret.ts";
import { identityDerivation } from "../model/realm.ts";
import { encodeKey } from "../seed/seed.ts";
import type { SeedSource } from "./deriver.ts";
import { ownKey } from "./membership.ts";
import type { State } from "./state.ts";

export interface Identity {
  /** Does the private key lie in the state directory? */
  readonly kept: boolean;
  /** PKCS #8, PEM. @throws KeywardError when the seed cannot be opened, or has no such key. */
  key(): Promise<Secret>;
  /** Is this certificate for another key than ours is now? `false` when that cannot be told. */
  isTurned(certificate: string): Promise<boolean>;
}

export function createKeptIdentity(state: State): Identity {
  return { kept: true, key: async () => ownKey(state), isTurned: async () => false };
}

export function createDerivedIdentity(source: SeedSource): Identity {
  /** Of the seed that was looked at last. */
  let known = { seed: "", fingerprint: "" };

  async function key(): Promise<Secret> {
    using opened = await source.open();
    const { seed, facts } = opened;
    if (seed.scheme !== identityDerivation.scheme)
      throw new KeywardError(
        "usage",
        `seed ${seed.id}: is of scheme ${seed.scheme}, which gives no identity`,
        {
          hint: "make a seed of Keyward's own: keyward seed new",
        },
      );
    using value = await seed.derive(identityDerivation, facts.generation);
    const pem = encodeKey(identityDerivation, value, "pem");
    known = { seed: seed.id, fingerprint: fingerprintOf(pem) };
    return pem;
  }

  return {
    kept: false,
    key,
    async isTurned(certificate) {
      try {
        const facts = await source.look();
        if (facts === null) return false;
        if (facts.id !== known.seed) (await key()).wipe();
      } catch (error) {
        if (isKeywardError(error)) return false;
        throw error;
      }
      return certificateFingerprint(certificate) !== known.fingerprint;
    },
  };
}

/** Do they belong together? */
export function isCertificateOf(certificate: string, key: Secret): boolean {
  return certificateFingerprint(certificate) === fingerprintOf(key);
}

function certificateFingerprint(certificate: string): string {
  return sha256(new X509Certificate(certificate).publicKey.export({ type: "spki", format: "der" }));
}

function fingerprintOf(key: Secret): string {
  const { buffer, byteOffset, byteLength } = key.reveal();
  const privateKey = createPrivateKey(Buffer.from(buffer, byteOffset, byteLength));
  return sha256(createPublicKey(privateKey).export({ type: "spki", format: "der" }));
}

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
