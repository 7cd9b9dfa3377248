/**
 * Key: a name and numbered, immutable versions. At most one version is primary.
 *
 *     pending → primary → retiring (still served until a time) → destroyed
 */
import type { DurationMs, UnixMs } from "../base/time.ts";
import type { KeyName } from "./name.ts";
import type { Derivation, KeyEncoding, PasswordClass } from "./realm.ts";

export const MAX_VALUE_BYTES = 1_048_576;

/** From 1, counted up, never used again. */
export type VersionNumber = number & { readonly kind: "version-number" };

export type VersionState =
  | { readonly kind: "pending" }
  | { readonly kind: "primary" }
  | { readonly kind: "retiring"; readonly until: UnixMs }
  | { readonly kind: "destroyed"; readonly at: UnixMs };

export interface Version {
  readonly number: VersionNumber;
  readonly state: VersionState;
  readonly created: UnixMs;
  /** The principal that made it, as events name it. */
  readonly by: string;
  /** Bytes of the value; 0 when it is derived. */
  readonly size: number;
  /** Nothing is kept of it: each node makes its own value from its own seed. */
  readonly derived?: DerivedAs;
}

/** With the version's number, all that says how a node with a seed makes the value. */
export interface DerivedAs {
  readonly derivation: Derivation;
  readonly encoding: KeyEncoding;
}

/** How a generated key's next version is made. */
export type Recipe =
  | {
      readonly kind: "password";
      readonly length: number;
      readonly classes: readonly PasswordClass[];
      readonly specials?: string;
    }
  | { readonly kind: "random"; readonly bytes: number; readonly encoding: "raw" | "hex" | "base64" }
  | {
      readonly kind: "ssh";
      readonly type: "ed25519" | "rsa-3072" | "rsa-4096" | "ecdsa-p256" | "ecdsa-p384";
      readonly comment?: string;
    }
  | {
      readonly kind: "pkcs8";
      readonly type: "ed25519" | "x25519" | "rsa-2048" | "rsa-3072" | "rsa-4096" | "ec-p256" | "ec-p384";
    }
  /** 32 random bytes, raw. */
  | { readonly kind: "disk" };

export type KeyOrigin =
  | { readonly kind: "stored" }
  | { readonly kind: "generated"; readonly recipe: Recipe }
  | ({ readonly kind: "derived" } & DerivedAs);

/** What is known of a key without its values. */
export interface Key {
  readonly name: KeyName;
  readonly origin: KeyOrigin;
  readonly created: UnixMs;
  /** How long a version is still served after another became primary. */
  readonly retire: DurationMs;
  /** In order of number; destroyed ones stay listed. */
  readonly versions: readonly Version[];
}

export function primaryOf(key: Key): Version | null {
  return key.versions.find((version) => version.state.kind === "primary") ?? null;
}

/** What a node gets: the pending version while one is being delivered, else the primary. */
export function deliverableOf(key: Key): Version | null {
  return key.versions.find((version) => version.state.kind === "pending") ?? primaryOf(key);
}

/** Pending, primary, and retiring until its time: these may be read. */
export function isServed(version: Version, now: UnixMs): boolean {
  switch (version.state.kind) {
    case "pending":
    case "primary":
      return true;
    case "retiring":
      return now < version.state.until;
    case "destroyed":
      return false;
  }
}
