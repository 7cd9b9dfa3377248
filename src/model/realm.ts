/**
 * Realm: a key that is made again from a seed instead of kept. What is said here is not secret: with the seed it
 * gives the key, without it nothing.
 */

/** How a seed and a realm give a key; `derive/` has a folder for each. RSA and `pass` are gokey's alone. */
export const schemes = ["keyward-1", "gokey-0.2", "gokey-0.1"] as const;
export type Scheme = (typeof schemes)[number];

/** In the order in which they stand in a label. */
export const passwordClasses = ["lower", "upper", "digit", "special"] as const;
export type PasswordClass = (typeof passwordClasses)[number];

export interface PasswordPolicy {
  /** Characters: 8 to 1,024. */
  readonly length: number;
  /** Which classes may occur; each of them does. */
  readonly classes: readonly PasswordClass[];
  /** The special characters allowed, each once: printable ASCII. Shell-safe by default. */
  readonly specials?: string;
}

/** What a derived key is, and so how many bytes and which rules. */
export type RealmKind =
  /** An Ed25519 seed (RFC 8032), 32 bytes. */
  | { readonly kind: "ed25519" }
  /** A scalar, big-endian, 32, 48 or 66 bytes; `p521` is gokey's alone. */
  | { readonly kind: "p256" | "p384" | "p521" }
  /** Clamped (RFC 7748 section 5), 32 bytes. WireGuard's private keys are these; `wireguard` is keyward-1's alone. */
  | { readonly kind: "x25519" | "wireguard" }
  | { readonly kind: "rsa2048" | "rsa4096" }
  | { readonly kind: "raw"; readonly length: number }
  /** 64 random bytes: a volume key's slot can be made cheap. keyward-1's alone. */
  | { readonly kind: "luks" }
  /** By a policy: keyward-1's. */
  | { readonly kind: "password"; readonly policy: PasswordPolicy }
  /** As gokey draws them: 8 characters or more. */
  | { readonly kind: "pass"; readonly length: number };

/** Kinds that nothing but their name describes. */
export const plainKinds = [
  "ed25519",
  "p256",
  "p384",
  "p521",
  "x25519",
  "wireguard",
  "rsa2048",
  "rsa4096",
  "luks",
] as const satisfies readonly RealmKind["kind"][];

export const realmKinds = [
  ...plainKinds,
  "raw",
  "password",
  "pass",
] as const satisfies readonly RealmKind["kind"][];

/** All that stands in a label but the version. */
export interface Derivation {
  readonly scheme: Scheme;
  /** The text that goes into the label, byte for byte; 1 to 1,024 bytes. */
  readonly realm: string;
  readonly kind: RealmKind;
  /** Parts the uses of one realm: `ssh-host`, say; may be empty, and is with gokey's schemes. */
  readonly purpose: string;
}

/** Realms of Keyward's own begin so: no key in a store is one of them, and no file with one is put on a node. */
const RESERVED = "keyward/";

export function isReserved(realm: string): boolean {
  return realm.startsWith(RESERVED);
}

/** The private key that a node is known by, where it keeps none: see `agent/identity.ts`. Version 1. */
export const identityDerivation: Derivation = {
  scheme: "keyward-1",
  realm: "keyward/identity",
  kind: { kind: "p256" },
  purpose: "",
};

/** How a derived key is written: to a file, to a pipe. Which kinds have which, `seed/encode.ts` says. */
export const keyEncodings = [
  "pem",
  "openssh",
  "authorized-keys",
  "raw",
  "hex",
  "base64",
  "text",
  "jwk",
] as const;
export type KeyEncoding = (typeof keyEncodings)[number];

/**
 * The realm's text as gokey takes it: it knows no versions, so its users count in the realm (`ssh`, `ssh-v2`).
 */
export function gokeyRealm(realm: string, version: number): string {
  return version === 1 ? realm : `${realm}-v${version}`;
}
