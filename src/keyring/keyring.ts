/**
 * Keyring: what is kept. Every method is an act: permission, change and event are one step and come first.
 *
 * What an operator may want to know:
 * - `put` of what is the primary value already makes no new version, so that a script may put again and again.
 * - `put` makes a generated or derived key a stored one, so that no rotation replaces what someone set by hand;
 *   `generate` and `derive` make it one again.
 * - A derived key's version is its number and how it is derived. Each node has a value of its own; none is here.
 * - A new primary version retires the one before it, and a pending one too. A retiring version is served for
 *   the key's `retire` time, 30 days unless said otherwise, and then destroyed.
 * - A removed key is forgotten but for its last number: put again, it goes on counting, so that a node that
 *   holds version 3 of before never takes it for version 3 of now.
 */
import type { Caller, Journal } from "../audit/audit.ts";
import type { Secret } from "../base/secret.ts";
import type { Clock, DurationMs, UnixMs } from "../base/time.ts";
import type { Random } from "../crypto/random.ts";
import type { DerivedAs, Key, Recipe, VersionNumber } from "../model/key.ts";
import type { KeyName } from "../model/name.ts";
import type { RootKey } from "../seal/root-key.ts";
import type { Transaction } from "../store/store.ts";
import { createDataKeys } from "./data-keys.ts";
import { createMaking } from "./making.ts";
import { createReading } from "./reading.ts";
import { createStates } from "./states.ts";
import { createSweep } from "./sweep.ts";
import { createValues } from "./values.ts";

export interface Written {
  readonly name: KeyName;
  readonly version: VersionNumber;
}

export interface PutOptions {
  /** Compare-and-set: the primary version's number; 0: the key must not exist. */
  readonly expected?: number | undefined;
  /** How long a version is still served after another became primary; kept with the key. */
  readonly retire?: DurationMs | undefined;
}

export interface DeriveOptions extends PutOptions {
  /** The version's number, for a key that was counted elsewhere; the next one unless given. */
  readonly number?: number | undefined;
}

export interface Keyring {
  /**
   * Keys whose name begins with `prefix`, in order of name, as far as the caller's rules let them be listed.
   *
   * @param page - `limit`: 1,000 by default and at most.
   */
  list(
    caller: Caller,
    page?: { prefix?: string | undefined; after?: string | undefined; limit?: number | undefined },
  ): Promise<{ keys: Key[]; more: boolean }>;

  /** @throws KeywardError `not-found` */
  show(caller: Caller, name: KeyName): Promise<Key>;

  /**
   * The primary version's value, or another's that is still served. The caller wipes it.
   *
   * @throws KeywardError `not-found`; `usage` when nodes derive it, so that there is none; `integrity` when the record
   *   was changed or moved
   */
  get(caller: Caller, name: KeyName, version?: VersionNumber): Promise<Written & { readonly value: Secret }>;

  /**
   * Keep a value as the new primary version. The value stays the caller's, who wipes it.
   *
   * @throws KeywardError `usage` when it is empty, `too-large` over 1 MiB, `conflict`
   */
  put(caller: Caller, name: KeyName, value: Secret, options?: PutOptions): Promise<Written>;

  /**
   * Make a value by a recipe, as the new primary version; the recipe is kept for rotations.
   *
   * @throws KeywardError `usage` for a recipe that cannot be followed, `conflict`
   */
  generate(caller: Caller, name: KeyName, recipe: Recipe, options?: PutOptions): Promise<Written>;

  /**
   * Say how nodes make the value, each from its own seed, as the new primary version. Nothing is kept but that.
   * Said before: no new version.
   *
   * @throws KeywardError `usage` for what no scheme derives, `conflict`
   */
  derive(caller: Caller, name: KeyName, derived: DerivedAs, options?: DeriveOptions): Promise<Written>;

  /**
   * Make the next version by the key's recipe; of a derived key, the next number. Staged, it stays pending until
   * `promote`.
   *
   * @throws KeywardError `usage` for a stored key; `conflict`, also when one is pending already
   */
  rotate(
    caller: Caller,
    name: KeyName,
    options?: { staged?: boolean | undefined; expected?: number | undefined },
  ): Promise<Written & { readonly state: "pending" | "primary" }>;

  /**
   * Make the pending version primary. Done before: nothing changes.
   *
   * @throws KeywardError `not-found`; `conflict` when it is neither pending nor primary
   */
  promote(caller: Caller, name: KeyName, version: VersionNumber): Promise<Written>;

  /**
   * Make an earlier version primary again; with the primary one, give up the pending one.
   *
   * @throws KeywardError `not-found` when it is not served any more, `conflict`
   */
  rollback(caller: Caller, name: KeyName, version: VersionNumber): Promise<Written>;

  /**
   * Destroy a version's value for good. Done before: nothing changes.
   *
   * @throws KeywardError `not-found`; `conflict` for the primary version
   */
  destroy(caller: Caller, name: KeyName, version: VersionNumber): Promise<Written>;

  /** Destroy every version and forget the key. @throws KeywardError `not-found` */
  remove(caller: Caller, name: KeyName): Promise<{ readonly name: KeyName }>;

  /**
   * A version's value for a node, inside the act that delivers it, which has the permission and the event. The
   * caller wipes it.
   *
   * @throws KeywardError `not-found` when key or version is gone or not served, `usage` when nodes derive it,
   *   `integrity`, `sealed`
   */
  openVersion(
    tx: Transaction,
    name: KeyName,
    version: VersionNumber,
    how?: {
      /** Also one whose retiring time is over, while it is kept: a volume may still open with nothing else. */
      readonly over?: boolean;
    },
  ): Promise<Secret>;

  /**
   * Destroy the versions whose retiring time is over, an event for each. The server runs this from time to time.
   *
   * @param isNeeded - Something still wants it: it stays, and is served to nobody who asks by its name.
   * @returns How many.
   */
  sweep(now: UnixMs, isNeeded?: (key: KeyName, version: VersionNumber) => boolean): Promise<number>;
}

export interface KeyringNeeds {
  readonly journal: Journal;
  readonly rootKey: RootKey;
  readonly clock: Clock;
  readonly random: Random;
}

export function createKeyring({ journal, rootKey, clock, random }: KeyringNeeds): Keyring {
  const dataKeys = createDataKeys({ rootKey, random });
  const values = createValues({ dataKeys, random });
  return {
    ...createReading({ journal, clock, values }),
    ...createMaking({ journal, clock, random, values, dataKeys }),
    ...createStates({ journal, clock }),
    ...createSweep({ journal }),
  };
}
