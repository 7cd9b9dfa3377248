/** Ledger place: where a machine's ledger lies, and the one that is to follow while the seed is rotated. */
import { KeywardError } from "../base/errors.ts";
import type { UnixMs } from "../base/time.ts";
import { kindsOf, type OpenedSeed } from "../derive/opened.ts";
import { type Ledger, type LedgerRealm, openLedger, type VerifiedLedger } from "../formats/ledger/ledger.ts";
import { printable } from "../model/name.ts";
import type { SeedSlot } from "../model/seed-place.ts";
import { newLedger, openOwnLedger } from "./ledger.ts";
import { addRealm, currentOf } from "./realms.ts";

/** Each change is one step, and durable. @throws KeywardError `local` */
export interface LedgerPlace {
  /** @returns `null` when there is none. */
  read(slot: SeedSlot): Uint8Array | null;
  stage(ledger: Uint8Array): void;
  /** What is staged becomes current. */
  commit(): void;
  /** What is staged goes, if anything is, and what a killed program left of it. */
  erase(): void;
}

/** The id of the seed that a ledger is of; `null` when there is none, or it cannot be read. */
export function ledgerId(place: LedgerPlace | null, slot: SeedSlot): string | null {
  const bytes = place?.read(slot) ?? null;
  try {
    return bytes === null ? null : openLedger(bytes).seed;
  } catch {
    return null;
  }
}

/** @throws KeywardError as `openOwnLedger` */
export async function readOwn(place: LedgerPlace | null, seed: OpenedSeed): Promise<VerifiedLedger | null> {
  const bytes = place?.read("current") ?? null;
  return bytes === null ? null : await openOwnLedger(bytes, seed);
}

/**
 * The ledger of the seed that follows: each realm in use, with the number of its current version, since numbers are
 * never used again. Versions that were retiring are of the old seed and end with it; retired realms are left out.
 *
 * @throws KeywardError `conflict` when the new seed does not derive a realm's kind.
 */
export function nextLedger(before: Ledger, seed: OpenedSeed, now: UnixMs): Ledger {
  assertFollows(before.realms);
  let after: Ledger = newLedger(seed, now);
  for (const realm of before.realms) {
    const current = currentOf(realm);
    if (current === null) continue;
    const derivation = { ...realm.derivation, scheme: seed.scheme };
    after = addRealm(after, seed, { ...keptOf(realm), derivation, version: current.number }, now);
  }
  return { ...after, sequence: before.sequence + 1 };
}

function keptOf({ name, encoding, delivery, note }: LedgerRealm) {
  return {
    name,
    encoding,
    ...(delivery === undefined ? {} : { delivery }),
    ...(note === undefined ? {} : { note }),
  };
}

/** New seeds are of scheme keyward-1. @throws KeywardError `conflict` naming the realms whose kind they do not derive. */
export function assertFollows(realms: readonly LedgerRealm[]): void {
  const kinds = kindsOf("keyward-1");
  const wrong = realms.filter(
    (realm) => currentOf(realm) !== null && !kinds.includes(realm.derivation.kind.kind),
  );
  if (wrong.length === 0) return;
  const names = wrong
    .slice(0, 10)
    .map(({ name, derivation }) => `${printable(name)} (${derivation.kind.kind})`);
  throw new KeywardError("conflict", `a new seed does not derive the kinds of ${names.join(", ")}`, {
    hint: "list each under another name with another kind, and retire it: keyward realm add, keyward realm retire",
  });
}
