/** Making: new versions, from a value that comes in or by a recipe. */
import type { Caller, Detail, Journal } from "../audit/audit.ts";
import { KeywardError } from "../base/errors.ts";
import { canonicalJson } from "../base/json.ts";
import { Secret } from "../base/secret.ts";
import type { Clock, DurationMs } from "../base/time.ts";
import type { Random } from "../crypto/random.ts";
import { type DerivedAs, type KeyOrigin, primaryOf, type Recipe, type VersionNumber } from "../model/key.ts";
import { type KeyName, printable } from "../model/name.ts";
import { formatPrincipal, permits } from "../model/principal.ts";
import type { KeyRow } from "../records/records.ts";
import type { Transaction } from "../store/store.ts";
import type { DataKeys } from "./data-keys.ts";
import { assertDerived } from "./derivations.ts";
import type { Keyring, Written } from "./keyring.ts";
import { assertRecipe, makeValue } from "./recipes.ts";
import { findKey, lastBeforeRemoval, loadKey, saveKey } from "./rows.ts";
import { assertValue, type Values } from "./values.ts";
import { addVersion, assertExpected, assertNonePending, lastNumber } from "./versions.ts";

export const DEFAULT_RETIRE = (30 * 86_400_000) as DurationMs;
const MAX_RETIRE = 36_525 * 86_400_000;

export interface MakingNeeds {
  readonly journal: Journal;
  readonly clock: Clock;
  readonly random: Random;
  readonly values: Values;
  readonly dataKeys: DataKeys;
}

interface NewVersion {
  readonly name: KeyName;
  /** The value, or how nodes make it. */
  readonly content: Secret | DerivedAs;
  readonly origin: KeyOrigin;
  /** Its number; the next one unless given. */
  readonly number?: number | undefined;
  readonly retire?: DurationMs | undefined;
  readonly as: "pending" | "primary";
}

type Making = Pick<Keyring, "put" | "generate" | "derive" | "rotate">;

export function createMaking({ journal, clock, random, values, dataKeys }: MakingNeeds): Making {
  const writing = (caller: Caller, name: KeyName) =>
    ({ ...caller, action: "key:write", resource: name }) as const;

  function create({ name, origin, retire }: NewVersion): KeyRow {
    const dataKey = dataKeys.create(name);
    return { name, origin, created: clock(), retire: retire ?? DEFAULT_RETIRE, versions: [], dataKey };
  }

  async function write(
    tx: Transaction,
    caller: Caller,
    before: KeyRow | null,
    made: NewVersion,
  ): Promise<VersionNumber> {
    const { name, content, origin, as } = made;
    const row = before ?? create(made);
    const last = before === null ? await lastBeforeRemoval(tx, name) : lastNumber(before);
    const kept = content instanceof Secret;
    const version = {
      created: clock(),
      by: formatPrincipal(caller.by),
      size: kept ? content.length : 0,
      ...(kept ? {} : { derived: content }),
    };
    const { key, number } = addVersion(
      { ...row, origin, retire: made.retire ?? row.retire },
      numberBefore(name, last, made.number),
      version,
      as,
    );
    if (kept) values.put(tx, key, number, content);
    saveKey(tx, before, key);
    return number;
  }

  /** The primary version's number when it holds just this value. */
  async function holding(tx: Transaction, row: KeyRow | null, value: Secret): Promise<VersionNumber | null> {
    const primary = row === null ? null : primaryOf(row);
    if (row === null || primary === null || primary.size !== value.length) return null;
    if (primary.derived !== undefined) return null;
    using kept = await values.get(tx, row, primary.number);
    return kept.equals(value) ? primary.number : null;
  }

  return {
    put(caller, name, value, { expected, retire } = {}) {
      return journal.act(writing(caller, name), async (tx, detail) => {
        assertValue(name, value);
        assertRetire(name, retire);
        const before = await findKey(tx, name);
        assertExpected(name, before, expected);
        const same = mayCompare(caller, name) ? await holding(tx, before, value) : null;
        if (before !== null && same !== null) {
          if (retire !== undefined) saveKey(tx, before, { ...before, retire });
          return report(detail, name, same, { unchanged: true });
        }
        const made = { name, content: value, origin: { kind: "stored" }, retire, as: "primary" } as const;
        return report(detail, name, await write(tx, caller, before, made));
      });
    },

    async generate(caller, name, recipe, { expected, retire } = {}) {
      // First the permission and everything cheap: making an RSA key takes a second of a core.
      await journal.act({ ...writing(caller, name), dryRun: true }, async (tx) => {
        assertRecipe(recipe);
        assertRetire(name, retire);
        assertExpected(name, await findKey(tx, name), expected);
      });
      using value = await makeValue(recipe, random);
      return await journal.act(writing(caller, name), async (tx, detail) => {
        const before = await findKey(tx, name);
        assertExpected(name, before, expected);
        const origin = { kind: "generated", recipe } as const;
        const made = { name, content: value, origin, retire, as: "primary" } as const;
        return report(detail, name, await write(tx, caller, before, made), { recipe: recipe.kind });
      });
    },

    derive(caller, name, derived, { expected, retire, number } = {}) {
      return journal.act(writing(caller, name), async (tx, detail) => {
        assertDerived(derived);
        assertRetire(name, retire);
        const before = await findKey(tx, name);
        assertExpected(name, before, expected);
        const same = derivedNow(before, derived);
        if (before !== null && same !== null && (number ?? same) === same) {
          if (retire !== undefined) saveKey(tx, before, { ...before, retire });
          return report(detail, name, same, { unchanged: true });
        }
        const origin = { kind: "derived", ...derived } as const;
        const made = { name, content: derived, origin, retire, number, as: "primary" } as const;
        const { kind, realm } = derived.derivation;
        return report(detail, name, await write(tx, caller, before, made), { realm, kind: kind.kind });
      });
    },

    async rotate(caller, name, { staged = false, expected } = {}) {
      const assertReady = async (tx: Transaction): Promise<{ row: KeyRow; next: Recipe | DerivedAs }> => {
        const row = await loadKey(tx, name);
        assertExpected(name, row, expected);
        if (staged) assertNonePending(row);
        return { row, next: nextOf(row) };
      };
      const { next } = await journal.act({ ...writing(caller, name), dryRun: true }, assertReady);
      using value = "kind" in next ? await makeValue(next, random) : null;
      const state = staged ? "pending" : "primary";
      return await journal.act(writing(caller, name), async (tx, detail) => {
        const now = await assertReady(tx);
        assertSame(name, next, now.next);
        const content = value ?? (next as DerivedAs);
        const made = { name, content, origin: now.row.origin, as: state } as const;
        const written = report(detail, name, await write(tx, caller, now.row, made), { state });
        return { ...written, state } as const;
      });
    },
  };
}

/** A rehearsal leaves no trace: to who may not read the value it does not tell either whether a guess was right. */
function mayCompare({ by, dryRun }: Caller, name: KeyName): boolean {
  return dryRun !== true || permits(by, "key:read", name);
}

function report(detail: Detail, name: KeyName, version: VersionNumber, more: Detail = {}): Written {
  Object.assign(detail, { version, ...more });
  return { name, version };
}

/** @throws KeywardError `usage` */
function assertRetire(name: KeyName, retire: DurationMs | undefined): void {
  if (retire === undefined || (Number.isSafeInteger(retire) && retire >= 0 && retire <= MAX_RETIRE)) return;
  throw new KeywardError("usage", `key ${printable(name)}: retire wants a duration of 100 years at most`);
}

/** @throws KeywardError `usage` */
function nextOf({ name, origin }: KeyRow): Recipe | DerivedAs {
  if (origin.kind === "generated") return origin.recipe;
  if (origin.kind === "derived") return { derivation: origin.derivation, encoding: origin.encoding };
  throw new KeywardError(
    "usage",
    `key ${printable(name)}: is stored, so there is no recipe for its next version`,
    {
      hint: `run: keyward key put ${name}, or: keyward key generate ${name}`,
    },
  );
}

/** @throws KeywardError `conflict` */
function assertSame(name: KeyName, made: Recipe | DerivedAs, now: Recipe | DerivedAs): void {
  if (canonicalJson(made) === canonicalJson(now)) return;
  throw new KeywardError("conflict", `key ${printable(name)}: the recipe was changed meanwhile`, {
    hint: "try again",
  });
}

/** The primary version's number when nodes make it in just this way, and the next one too. */
function derivedNow(row: KeyRow | null, derived: DerivedAs): VersionNumber | null {
  const primary = row === null ? null : primaryOf(row);
  if (row?.origin.kind !== "derived" || primary?.derived === undefined) return null;
  const { derivation, encoding } = row.origin;
  const wanted = canonicalJson(derived);
  const same =
    canonicalJson({ derivation, encoding }) === wanted && canonicalJson(primary.derived) === wanted;
  return same ? primary.number : null;
}

/**
 * What a version that shall bear this number follows: a ledger kept elsewhere has counted already.
 *
 * @throws KeywardError `usage` when the number is used up.
 */
function numberBefore(name: KeyName, last: number, wanted: number | undefined): number {
  if (wanted === undefined || wanted > last) return (wanted ?? last + 1) - 1;
  throw new KeywardError(
    "usage",
    `key ${printable(name)}: number ${wanted} is not after ${last}, the last one`,
    {
      hint: `run: keyward key show ${name}`,
    },
  );
}
