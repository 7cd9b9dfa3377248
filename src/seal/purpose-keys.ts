/**
 * Purpose keys: the root key and what is derived from it by HKDF-SHA-256 (RFC 5869), a key for each use. They
 * are kept while unsealed, because every seal and open needs one, in memory of their own; `wipe` ends them all.
 */
import { fields } from "../base/bytes.ts";
import { Secret } from "../base/secret.ts";
import { hkdf } from "../crypto/hkdf.ts";
import { wipe } from "../crypto/memory.ts";
import { WRAPPING_KEY_SIZE } from "./wrap.ts";

export interface PurposeKeys {
  /** A wrapping key of 64 bytes: not a copy, so do not keep it. */
  wrapping(purpose: string): Uint8Array;
  /** 32 bytes for use elsewhere; never the same as a wrapping key. The caller wipes it. */
  derive(purpose: string): Secret;
  /** The root key itself, a copy that the caller wipes. */
  copyRoot(): Secret;
  /** Overwrite everything, the root key too. */
  wipe(): void;
}

const noSalt = new Uint8Array(0);

/** @param root - 32 bytes, taken over. */
export function createPurposeKeys(root: Secret): PurposeKeys {
  const kept = new Map<string, Uint8Array>();
  const expand = (label: string, purpose: string, length: number): Uint8Array =>
    hkdf(root.reveal(), noSalt, fields(`keyward/v1/${label}`, purpose), length);
  return {
    wrapping(purpose) {
      const known = kept.get(purpose);
      if (known !== undefined) return known;
      const key = expand("wrap", purpose, WRAPPING_KEY_SIZE);
      kept.set(purpose, key);
      return key;
    },
    derive: (purpose) => Secret.take(expand("derive", purpose, 32)),
    copyRoot: () => Secret.copy(root.reveal()),
    wipe() {
      wipe(...kept.values());
      kept.clear();
      root.wipe();
    },
  };
}
