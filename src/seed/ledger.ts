/**
 * A seed's ledger: which realms it has and which version of each is current, signed by a key that follows from
 * the seed itself. Who reads it with the seed knows that it is the seed's own, and that each version is the key
 * that it was when it was listed.
 */
import { KeywardError } from "../base/errors.ts";
import type { Secret } from "../base/secret.ts";
import type { UnixMs } from "../base/time.ts";
import { ed25519PublicKey } from "../crypto/sign.ts";
import type { OpenedSeed } from "../derive/opened.ts";
import { type Ledger, openLedger, signLedger, type VerifiedLedger } from "../formats/ledger/ledger.ts";
import type { Derivation } from "../model/realm.ts";

/** The realm of the key that signs; none of a ledger's own realms may have this text. */
export const LEDGER_REALM = "keyward/ledger";

/** No realm yet. Its sequence becomes 1 with the first change. */
export function newLedger(seed: Pick<OpenedSeed, "scheme" | "id">, now: UnixMs): Ledger {
  return { scheme: seed.scheme, seed: seed.id, sequence: 0, changed: wholeSeconds(now), realms: [] };
}

export function wholeSeconds(at: UnixMs): UnixMs {
  return (Math.floor(at / 1000) * 1000) as UnixMs;
}

/** @returns The ledger's text. @throws KeywardError as `openLedger`, and `wrong-key` for another seed's. */
export async function sealLedger(ledger: Ledger, seed: OpenedSeed): Promise<Uint8Array> {
  assertOf(ledger, seed);
  using key = await signingKey(seed);
  return signLedger(ledger, key);
}

/**
 * Read a ledger with its seed at hand.
 *
 * @throws KeywardError as `openLedger`; `wrong-key` when it is another seed's; `integrity` when it was signed by
 *   another key, or when a version is no longer the key that was listed.
 */
export async function openOwnLedger(bytes: Uint8Array, seed: OpenedSeed): Promise<VerifiedLedger> {
  const ledger = openLedger(bytes);
  assertOf(ledger, seed);
  using key = await signingKey(seed);
  if (!Buffer.from(ed25519PublicKey(key.reveal())).equals(ledger.key)) {
    throw new KeywardError("integrity", "ledger: it names this seed, but another key signed it", {
      hint: "take the copy that you keep elsewhere",
    });
  }
  for (const { name, derivation, versions } of ledger.realms) {
    const wrong = versions.find(({ number, tag }) => seed.tag(derivation, number) !== tag);
    if (wrong !== undefined)
      throw new KeywardError(
        "integrity",
        `realm ${name} version ${wrong.number}: another key than was listed`,
      );
  }
  return ledger;
}

function assertOf(ledger: Pick<Ledger, "seed" | "scheme">, seed: OpenedSeed): void {
  if (ledger.seed === seed.id && ledger.scheme === seed.scheme) return;
  throw new KeywardError("wrong-key", `ledger: it is of seed ${ledger.seed}, and this seed is ${seed.id}`, {
    hint: "take that seed's passphrase and file, or this seed's own ledger",
  });
}

/**
 * 32 bytes: the Ed25519 seed of realm `keyward/ledger`. gokey gives its key kinds as PEM, so that there it is `raw`.
 */
async function signingKey(seed: OpenedSeed): Promise<Secret> {
  const { scheme } = seed;
  const kind =
    scheme === "keyward-1" ? ({ kind: "ed25519" } as const) : ({ kind: "raw", length: 32 } as const);
  const what: Derivation = { scheme, realm: LEDGER_REALM, kind, purpose: "" };
  return await seed.derive(what, 1);
}
