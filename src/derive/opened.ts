/**
 * A seed that has been opened, whatever its scheme: one contract for all who derive keys from it. The seed is
 * held until it is disposed of.
 */
import { fields, toHex } from "../base/bytes.ts";
import { KeywardError } from "../base/errors.ts";
import { Secret } from "../base/secret.ts";
import { hkdf } from "../crypto/hkdf.ts";
import { printable } from "../model/name.ts";
import { type Derivation, gokeyRealm, type RealmKind, type Scheme } from "../model/realm.ts";
import * as gokey from "./gokey/gokey.ts";
import * as keyward1 from "./keyward-1/keyward-1.ts";

export interface OpenedSeed extends Disposable {
  readonly scheme: Scheme;
  /** Names the seed without telling it: 16 hexadecimal digits. */
  readonly id: string;
  /**
   * @param version - From 1.
   * @returns keyward-1: the bytes that `RealmKind` says, a password as text. gokey: what gokey prints, which is PEM
   *   for keys.
   * @throws KeywardError `usage` when the derivation is of another scheme, its kind is not the scheme's, or it is
   *   out of bounds; `timeout` when the signal ends the search for RSA's primes.
   */
  derive(what: Derivation, version: number, options?: { readonly signal?: AbortSignal }): Promise<Secret>;
  /**
   * Says which key, and nothing of the key or the seed: 32 hexadecimal digits, the same for the same seed and
   * label. Two records with one tag are of one key.
   */
  tag(what: Derivation, version: number): string;
}

/** Which kinds a scheme derives. */
export function kindsOf(scheme: Scheme): readonly RealmKind["kind"][] {
  return scheme === "keyward-1" ? keyward1.kinds : (Object.keys(gokeyNames) as RealmKind["kind"][]);
}

/**
 * @param seed - Belongs to the opened seed from now on. keyward-1: 32 bytes. gokey: the material that its envelope
 *   holds, salt (28 bytes) before input (28 bytes or more); see formats/seed/envelope.ts.
 * @throws KeywardError `usage` when the seed's length is not the scheme's.
 */
export function openedSeed(scheme: Scheme, seed: Secret): OpenedSeed {
  return scheme === "keyward-1" ? openKeyward1(seed) : openGokey(scheme, seed);
}

function openKeyward1(seed: Secret): OpenedSeed {
  const scheme = "keyward-1";
  return {
    scheme,
    id: keyward1.seedId(seed),
    async derive(what, version) {
      assertScheme(scheme, what);
      return keyward1.derive(seed, { ...what, version });
    },
    tag(what, version) {
      assertScheme(scheme, what);
      return keyward1.keyTag(seed, { ...what, version });
    },
    [Symbol.dispose]: () => seed.wipe(),
  };
}

const SALT_BYTES = 28;

function openGokey(scheme: "gokey-0.1" | "gokey-0.2", seed: Secret): OpenedSeed {
  if (seed.length < 2 * SALT_BYTES) throw new KeywardError("usage", `${scheme}: the seed is too short`);
  const whole = (): Uint8Array => {
    if (seed.length > 0) return seed.reveal();
    throw new KeywardError("usage", `${scheme}: the seed is closed`);
  };
  return {
    scheme,
    id: toHex(hkdf(whole(), new Uint8Array(0), fields(`${scheme}/seed-id`), 8)),
    async derive(what, version, options = {}) {
      assertScheme(scheme, what);
      const request = gokeyRequest(what, version);
      const salt = whole().slice(0, SALT_BYTES);
      using input = Secret.copy(whole().subarray(SALT_BYTES));
      return await gokey.derive(gokey.fromSeed({ input, salt }), request, options);
    },
    tag(what, version) {
      assertScheme(scheme, what);
      const { realm, kind, length = "" } = gokeyRequest(what, version);
      const info = fields(`${scheme}/key-tag`, realm, kind, String(length));
      return toHex(hkdf(whole(), new Uint8Array(0), info, 16));
    },
    [Symbol.dispose]: () => seed.wipe(),
  };
}

/** gokey's names for the kinds that it has. */
const gokeyNames = {
  ed25519: "ed25519",
  p256: "ec256",
  p384: "ec384",
  p521: "ec521",
  x25519: "x25519",
  rsa2048: "rsa2048",
  rsa4096: "rsa4096",
  raw: "raw",
  pass: "pass",
} as const satisfies Partial<Record<RealmKind["kind"], gokey.Kind>>;

function gokeyRequest({ scheme, realm, kind, purpose }: Derivation, version: number): gokey.Request {
  const refuse = (what: string): KeywardError => new KeywardError("usage", `${scheme}: ${what}`);
  if (!(kind.kind in gokeyNames)) throw refuse(`does not derive ${kind.kind}`);
  if (purpose !== "") throw refuse("knows no purpose");
  if (!Number.isInteger(version) || version < 1 || version > 0xffff_ffff)
    throw refuse("versions count from 1");
  if (realm === "" || !realm.isWellFormed()) throw refuse("a realm is Unicode text of 1 byte or more");
  const request = {
    realm: gokeyRealm(realm, version),
    kind: gokeyNames[kind.kind as keyof typeof gokeyNames],
  };
  return "length" in kind ? { ...request, length: kind.length } : request;
}

function assertScheme(scheme: Scheme, what: Derivation): void {
  if (what.scheme === scheme) return;
  throw new KeywardError("usage", `realm ${printable(what.realm)}: is of scheme ${what.scheme}`, {
    hint: `this seed is of scheme ${scheme}: take the other seed, or list the realm again for this one`,
  });
}
