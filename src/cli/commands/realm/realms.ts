/**
 * Realms, wherever they are listed: in a ledger's file, or as the derived keys of a store. Both answer the same
 * questions.
 */
import { existsSync } from "node:fs";
import type { DurationMs } from "../../../base/time.ts";
import type { RealmDelivery } from "../../../formats/ledger/ledger.ts";
import type { KeyName } from "../../../model/name.ts";
import type { Derivation, KeyEncoding } from "../../../model/realm.ts";
import { variable } from "../../environment.ts";
import { type LedgerFlags, ledgerFlags } from "../../ledger/ledger.ts";
import { type SeedFlags, seedFlags } from "../../open-seed.ts";
import type { Session } from "../../session.ts";
import type { ConnectionFlags } from "../../target.ts";

export interface RealmRow {
  readonly name: string;
  readonly derivation: Derivation;
  readonly encoding: KeyEncoding;
  readonly delivery?: RealmDelivery;
  readonly note?: string;
  /** Milliseconds since 1970. */
  readonly changed?: number;
  readonly versions: readonly VersionRow[];
}

export interface VersionRow {
  readonly number: number;
  /** As the ledger or the store names it. */
  readonly state: { readonly kind: string; readonly until?: number; readonly at?: number };
  readonly created: number;
  readonly tag?: string;
}

export interface Listing {
  readonly realms: readonly RealmRow[];
  /** What else is known of the list, for `-o json`. */
  readonly about: Readonly<Record<string, unknown>>;
}

export interface NewRealmRow {
  readonly name: KeyName;
  readonly derivation: Omit<Derivation, "scheme"> & { readonly scheme: Derivation["scheme"] | undefined };
  readonly encoding: KeyEncoding;
  readonly version: number;
  readonly delivery?: RealmDelivery;
  readonly note?: string;
}

export interface Written {
  readonly name: string;
  readonly version: number;
  /** What else there is to say, a line each. */
  readonly also: readonly string[];
}

export interface Realms {
  list(): Promise<Listing>;
  /** @throws KeywardError `not-found` with the closest name as hint. */
  find(name: string): Promise<RealmRow>;
  add(realm: NewRealmRow): Promise<Written>;
  /** @param retire - How long the version before stays derivable; absent: as usual there. */
  bump(name: string, retire: DurationMs | undefined): Promise<Written>;
  /** @param version - Absent: all of them. */
  retire(name: string, version: number | undefined, within: DurationMs): Promise<Written>;
}

export type RealmFlags = LedgerFlags & SeedFlags & ConnectionFlags;
export const lookFlags = { ...ledgerFlags, seed: seedFlags.seed };
export const changeFlags = { ...ledgerFlags, ...seedFlags };

/**
 * A ledger that is named comes first, then a server or store that is named, then what there is: without a server
 * and a store of one's own it is the ledger beside the seed.
 */
export async function realmsOf(session: Session<never>, flags: RealmFlags): Promise<Realms> {
  const { fileRealms } = await import("./in-file.ts");
  if (inFile(session, flags)) return fileRealms(session, flags);
  throw new Error("not yet");
}

function inFile(session: Session<never>, flags: RealmFlags): boolean {
  if (flags.ledger !== undefined) return true;
  if (flags.addr !== undefined || flags.data !== undefined) return false;
  if (flags.seed !== undefined || variable(session.world.env, "KEYWARD_LEDGER") !== undefined) return true;
  const target = session.target();
  return target.kind === "local" && !existsSync(target.data);
}
