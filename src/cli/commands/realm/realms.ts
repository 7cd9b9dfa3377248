/**
 * Realms, wherever they are listed: in a ledger's file, or as the derived keys of a store. Both answer the same
 * questions.
 */
import { existsSync } from "node:fs";
import type { DurationMs } from "../../../base/time.ts";
import { variable } from "../../../command/environment.ts";
import type { Session } from "../../../command/session.ts";
import type { ConnectionFlags } from "../../../command/target.ts";
import type { RealmDelivery } from "../../../formats/ledger/ledger.ts";
import { type LedgerFlags, ledgerFlags } from "../../../machine/ledger/ledger.ts";
import { type SeedFlags, seedFlags } from "../../../machine/open-seed.ts";
import type { KeyName } from "../../../model/name.ts";
import type { Derivation, KeyEncoding } from "../../../model/realm.ts";
import type { RealmChange } from "../../../seed/realms.ts";

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

export interface RealmsToLook {
  list(): Promise<Listing>;
  /** @throws KeywardError `not-found` with the closest name as hint. */
  find(name: string): Promise<RealmRow>;
}

export interface Realms extends RealmsToLook {
  add(realm: NewRealmRow): Promise<Written>;
  set(name: string, change: RealmChange): Promise<Written>;
  /** @param retire - How long the version before stays derivable; absent: as usual there. */
  bump(name: string, retire: DurationMs | undefined): Promise<Written>;
  /**
   * @param version - Absent: all of them.
   * @param within - How long it stays derivable still; absent: not at all.
   */
  retire(name: string, version: number | undefined, within: DurationMs | undefined): Promise<Written>;
}

/** Operations that look at a store's realms, and those that change one as well. */
export const lookCalls = ["key.list", "key.show"] as const;
export const changeCalls = ["key.list", "key.show", "key.derive", "key.rotate", "key.destroy"] as const;
export type LookSession = Session<(typeof lookCalls)[number]>;
export type ChangeSession = Session<(typeof changeCalls)[number]>;

export type RealmFlags = LedgerFlags & SeedFlags & ConnectionFlags;
export const lookFlags = { ...ledgerFlags, seed: seedFlags.seed };
export const changeFlags = { ...ledgerFlags, ...seedFlags };

export async function realmsToLook(session: LookSession, flags: RealmFlags): Promise<RealmsToLook> {
  if (inFile(session, flags)) return (await import("./in-file.ts")).fileRealms(session, flags);
  return (await import("./in-store.ts")).storeRealmsToLook(session);
}

export async function realmsOf(session: ChangeSession, flags: RealmFlags): Promise<Realms> {
  if (inFile(session, flags)) return (await import("./in-file.ts")).fileRealms(session, flags);
  return (await import("./in-store.ts")).storeRealms(session);
}

/**
 * A ledger that is named comes first, then a server or store that is named, then what there is: without a server
 * and a store of one's own it is the ledger beside the seed.
 */
function inFile(session: LookSession, flags: RealmFlags): boolean {
  if (flags.ledger !== undefined) return true;
  if (flags.addr !== undefined || flags.data !== undefined) return false;
  if (flags.seed !== undefined || variable(session.world.env, "KEYWARD_LEDGER") !== undefined) return true;
  const target = session.target();
  return target.kind === "local" && !existsSync(target.data);
}
