/**
 * Offline: what the node may use while no server can be reached. Keys whose grant says a duration are kept in
 * `bundle.sealed`, sealed to this host, and may be used until that long after the server was last heard of.
 * Keys whose grant says `never` are not kept: their file stays where it lies while the host runs, and after a
 * reboot it is gone until the server gives it again.
 *
 * Spec: docs/formats/bundle.md.
 */
import { isKeywardError } from "../base/errors.ts";
import { canonicalJson } from "../base/json.ts";
import { Secret } from "../base/secret.ts";
import type { Clock, DurationMs, UnixMs } from "../base/time.ts";
import type { Random } from "../crypto/random.ts";
import { type OfflineBundle, type OfflineEntry, openBundle, sealBundle } from "../formats/bundle/bundle.ts";
import type { Offline } from "../model/grant.ts";
import type { NodeName } from "../model/name.ts";
import type { AgentLog } from "./log.ts";
import type { State } from "./state.ts";
import { absolute, type Wanted } from "./wanted.ts";

export interface OfflineKeeper {
  /** Keep what may be kept of this, and forget the rest. Values are copied. @throws KeywardError `local` */
  keep(wanted: readonly Wanted[]): void;
  /** The server is there: durations count from now. @param durably - Also if it was written down lately. */
  confirm(durably?: boolean): void;
  /** The value of this very version, if it is kept; the caller wipes it. */
  spare(wanted: Wanted): Secret | null;
  /** What may be used now; the caller wipes the values. */
  restore(): Wanted[];
  /** May a file of such a grant be used now, while no server can be reached? */
  isUsable(offline: Offline): boolean;
  /** When the first of these may no longer be used; `null` when none of them ends. */
  firstEnd(offlines: Iterable<Offline>): UnixMs | null;
  /** What it is sealed to is another now: it is written anew with the next bundle. */
  reseal(): void;
  /** Empty it. */
  forget(): void;
}

export interface OfflineParts {
  readonly state: State;
  readonly node: NodeName;
  /** What the bundle is sealed to, see `hostKey`; this part wipes it. */
  readonly host: () => Secret;
  readonly keyDirectory: string;
  /** A version's value from a file that lies on the disk. */
  readonly copyOf: (wanted: Wanted) => Secret | null;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: AgentLog;
}

/** A clock that lies further back than this behind what was written is not believed. */
const CLOCK_SLACK_MS = 300_000;
/** How old the time in the file may be: a tenth of the shortest duration, within these. */
const REFRESH_MS = { least: 10_000, most: 3_600_000 };

export function createOfflineKeeper(parts: OfflineParts): OfflineKeeper {
  const { state, node, host, keyDirectory, copyOf, clock, random, log } = parts;
  /** What lies there does not open here. */
  let useless = false;
  const atStart = load();
  let confirmed = atStart?.confirmed ?? (0 as UnixMs);
  /** When `confirmed` was last written, and what was. */
  let written = { at: confirmed, terms: "", refresh: REFRESH_MS.most };
  wipeAll(atStart);

  /** `null` when there is none that opens here. */
  function load(): OfflineBundle | null {
    const bytes = useless ? null : state.read("bundle.sealed");
    if (bytes === null) return null;
    using key = host();
    try {
      const bundle = openBundle(bytes.reveal(), key);
      if (bundle.node === node) return bundle;
      wipeAll(bundle);
    } catch (error) {
      if (!isKeywardError(error)) throw error;
      useless = true;
      log.warn({ code: error.code, reason: error.message }, "the offline bundle is of no use");
    }
    return null;
  }

  function write(entries: readonly OfflineEntry[], terms: string): void {
    using key = host();
    if (entries.length === 0) state.remove("bundle.sealed");
    else state.write("bundle.sealed", sealBundle({ node, confirmed, entries }, key, random));
    useless = false;
    const shortest = Math.min(...entries.map((entry) => entry.delivery.offline / 10), REFRESH_MS.most);
    written = { at: confirmed, terms, refresh: Math.max(REFRESH_MS.least, shortest) };
  }

  const isFresh = (): boolean => confirmed - written.at < written.refresh;

  function entriesOf(wanted: readonly Wanted[], before: OfflineBundle | null): OfflineEntry[] {
    return wanted.flatMap((one): OfflineEntry[] => {
      const { grant, key, version, delivery, value, derived } = one;
      const { offline } = delivery;
      if (offline === "never") return [];
      if (derived !== undefined)
        return [
          { grant, key, version, delivery: { ...delivery, offline }, derived, value: Secret.fromText("") },
        ];
      const kept = value ?? find(before, one)?.value ?? copyOf(one);
      return kept === null ? [] : [{ grant, key, version, delivery: { ...delivery, offline }, value: kept }];
    });
  }

  function isUsable(offline: Offline): boolean {
    const now = clock();
    return offline === "never" || (now >= confirmed - CLOCK_SLACK_MS && now < confirmed + offline);
  }

  return {
    keep(wanted) {
      confirmed = clock();
      const terms = termsOf(wanted);
      if (terms === written.terms && isFresh()) return;
      const before = load();
      const entries = entriesOf(wanted, before);
      try {
        // One that has no value yet comes again with it; until then the terms are not what was written.
        const whole = entries.length === wanted.filter(({ delivery }) => delivery.offline !== "never").length;
        write(entries, whole ? terms : "");
      } finally {
        wipeAll(before);
        const given = new Set(wanted.map(({ value }) => value));
        for (const { value } of entries) if (!given.has(value)) value.wipe();
      }
    },
    confirm(durably = false) {
      confirmed = clock();
      if (isFresh() && !(durably && confirmed > written.at)) return;
      const bundle = load();
      if (bundle === null) return;
      write(bundle.entries, written.terms);
      wipeAll(bundle);
    },
    spare(wanted) {
      if (wanted.delivery.offline === "never") return null;
      const bundle = load();
      const found = find(bundle, wanted);
      for (const entry of bundle?.entries ?? []) if (entry !== found) entry.value.wipe();
      return found?.value ?? null;
    },
    restore() {
      const bundle = load();
      return (bundle?.entries ?? []).flatMap((entry) => {
        const { delivery } = entry;
        const value = entry.derived === undefined ? entry.value : null;
        if (delivery.kind === "file" && isUsable(delivery.offline))
          return [{ ...entry, delivery, path: absolute(delivery.path, keyDirectory), value }];
        entry.value.wipe();
        return [];
      });
    },
    isUsable,
    firstEnd(offlines) {
      const durations = [...offlines].filter((offline): offline is DurationMs => offline !== "never");
      return durations.length === 0 ? null : ((confirmed + Math.min(...durations)) as UnixMs);
    },
    reseal() {
      useless = true;
      written = { at: 0 as UnixMs, terms: "", refresh: REFRESH_MS.most };
    },
    forget() {
      state.remove("bundle.sealed");
      confirmed = 0 as UnixMs;
      written = { at: confirmed, terms: "", refresh: REFRESH_MS.most };
    },
  };
}

/** What of the wanted goes into the bundle, without the values. */
function termsOf(wanted: readonly Wanted[]): string {
  const kept = wanted.filter(({ delivery }) => delivery.offline !== "never");
  return canonicalJson(
    kept.map(({ grant, key, version, delivery, derived }) => ({ grant, key, version, delivery, derived })),
  );
}

function find(bundle: OfflineBundle | null, { key, version }: Wanted): OfflineEntry | undefined {
  return bundle?.entries.find((entry) => entry.key === key && entry.version === version);
}

function wipeAll(bundle: OfflineBundle | null): void {
  for (const { value } of bundle?.entries ?? []) value.wipe();
}
