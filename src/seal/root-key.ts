/**
 * The root key: 32 random bytes that protect all others, in memory only while unsealed. The rooms above get
 * at it through this contract and never see it.
 */
import type { Secret } from "../base/secret.ts";

export type SealState = "uninitialised" | "sealed" | "unsealed";

export interface RootKey {
  readonly state: SealState;

  /**
   * Seal a secret for one purpose and place: a box of `formats/sealed` under a key derived for the purpose,
   * with fields("keyward/v1", purpose, ...place) as associated data.
   *
   * @throws KeywardError `sealed`, `uninitialised`
   */
  seal(purpose: string, place: readonly string[], secret: Secret): Uint8Array;

  /** @throws KeywardError `sealed`, `uninitialised`; `integrity` when the box was changed, or made for another place. */
  open(purpose: string, place: readonly string[], box: Uint8Array): Secret;

  /** 32 bytes by HKDF-SHA-256 (RFC 5869) from the root key and the purpose. The caller wipes them in `onSeal`. */
  derive(purpose: string): Secret;

  /** Called when the root key is about to be forgotten: wipe what was opened or derived. */
  onSeal(wipe: () => void): void;
}
