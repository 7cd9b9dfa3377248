/** Handover: each realm's current key, encoded as its ledger says, to whoever puts it where it is read. */
import type { Secret } from "../base/secret.ts";
import type { OpenedSeed } from "../derive/opened.ts";
import type { Ledger, LedgerRealm } from "../formats/ledger/ledger.ts";
import { encodeKey } from "./encode.ts";
import { currentOf } from "./realms.ts";

export interface Handover {
  readonly realm: LedgerRealm;
  readonly version: number;
  /** The file or value as its reader wants it. Wiped when `deliver` returns. */
  readonly key: Secret;
}

export interface HandedOver {
  readonly delivered: readonly string[];
  /** Realms that say of no place where their key is to go. */
  readonly undelivered: readonly string[];
}

/**
 * One after the other, in order of name. Retired realms have no key.
 *
 * @throws What `deliver` throws; those before it have been delivered.
 */
export async function handOver(
  { realms }: Pick<Ledger, "realms">,
  seed: OpenedSeed,
  deliver: (handover: Handover) => Promise<void>,
): Promise<HandedOver> {
  const [delivered, undelivered]: [string[], string[]] = [[], []];
  for (const realm of realms) {
    const current = currentOf(realm);
    if (current === null) continue;
    if (realm.delivery === undefined) {
      undelivered.push(realm.name);
      continue;
    }
    using value = await seed.derive(realm.derivation, current.number);
    // As `keyward derive` writes it, so that a file tells whether it is current.
    const comment = realm.encoding === "authorized-keys" ? realm.name : "";
    using key = encodeKey(realm.derivation, value, realm.encoding, comment);
    await deliver({ realm, version: current.number, key });
    delivered.push(realm.name);
  }
  return { delivered, undelivered };
}
