/** Which kind of derived key is written how: one table for whoever encodes, offers or checks. */
import { KeywardError } from "../base/errors.ts";
import type { KeyEncoding, RealmKind } from "../model/realm.ts";

type KindName = RealmKind["kind"];

interface Encodings {
  /** Of the secret; the first is the one that is meant when nobody says. */
  readonly secret: readonly [KeyEncoding, ...KeyEncoding[]];
  /** Of the public half; empty when the kind has none. */
  readonly public: readonly KeyEncoding[];
}

const bytes = ["raw", "hex", "base64"] as const;
const signing: Encodings = {
  secret: ["pem", "openssh", "jwk", ...bytes],
  public: ["pem", "openssh", "authorized-keys", "jwk", ...bytes],
};
const rsa: Encodings = {
  secret: ["pem", "openssh", "jwk"],
  public: ["pem", "openssh", "authorized-keys", "jwk"],
};
const secretBytes: Encodings = { secret: [...bytes], public: [] };
const text: Encodings = { secret: ["text"], public: [] };

const table: Readonly<Record<KindName, Encodings>> = {
  ed25519: signing,
  p256: signing,
  p384: signing,
  p521: signing,
  x25519: { secret: ["pem", "jwk", ...bytes], public: ["pem", "jwk", ...bytes] },
  wireguard: {
    secret: ["base64", "raw", "hex", "pem", "jwk"],
    public: ["base64", "raw", "hex", "pem", "jwk"],
  },
  rsa2048: rsa,
  rsa4096: rsa,
  raw: secretBytes,
  luks: secretBytes,
  password: text,
  pass: text,
};

export function encodingsOf(kind: KindName): Encodings {
  return table[kind];
}

/** What is meant when nobody says: PEM for keys, base64 for WireGuard, text for passwords, raw bytes otherwise. */
export function defaultEncoding(kind: KindName): KeyEncoding {
  return table[kind].secret[0];
}

/** @throws KeywardError `usage` with what there is instead. */
export function assertEncoding(kind: KindName, half: "secret" | "public", encoding: KeyEncoding): void {
  const has = table[kind][half];
  if (has.includes(encoding)) return;
  const whole = half === "public" ? "a public key" : "a key";
  throw new KeywardError("usage", `${whole} of kind ${kind} is not written as ${encoding}`, {
    hint: has.length === 0 ? `${kind} has no public half` : `there are: ${has.join(", ")}`,
  });
}
