/**
 * Engine: what the agent does with what it is told, one thing at a time: apply a bundle, find and repair drift,
 * go without a server, withdraw. It speaks to the server only through what is handed to it.
 */
import type { ResponseOf } from "../api/shapes.ts";
import { isKeywardError, KeywardError } from "../base/errors.ts";
import type { VersionNumber } from "../model/key.ts";
import type { KeyName } from "../model/name.ts";
import type { Applier, Outcome } from "./apply.ts";
import type { Deriver } from "./deriver.ts";
import type { Drift, DriftWatch } from "./drift.ts";
import type { Holdings } from "./holdings.ts";
import type { HeldVersion, Installed, InstalledFile } from "./installed.ts";
import type { AgentLog } from "./log.ts";
import type { OfflineKeeper } from "./offline.ts";
import type { Reporter } from "./report.ts";
import { assertPlace, type Failure, type Places, parseWanted, type Wanted } from "./wanted.ts";

export type Bundle = ResponseOf<"agent.bundle">;

export interface Summary {
  readonly installed: number;
  readonly withdrawn: number;
  readonly failures: readonly Failure[];
}

export interface Engine {
  /** What this node can say that it holds: on the disk, intact. */
  held(): Promise<HeldVersion[]>;
  /** Apply what the server says. @param proveAll - Also what was there before. */
  receive(bundle: Bundle, proveAll: boolean): Promise<Summary>;
  /** Keys whose value is needed from the server, and whether something else could not be done. */
  lacking(): { readonly missing: ReadonlySet<KeyName>; readonly failed: boolean };
  /** The server does not believe that we hold these: ask for their values anew, once. */
  distrust(refused: readonly HeldVersion[]): void;
  /**
   * Look for drift and repair what can be without the server.
   *
   * @param everywhere - Not only where the kernel gave notice.
   * @returns Was there any, or another seed?
   */
  repair(everywhere: boolean): Promise<boolean>;
  /** Report what is known of drift, now that everything was tried. */
  settleDrift(): Promise<void>;
  /** No server: install what may be used all the same, withdraw what may not. */
  goOffline(): Promise<void>;
  /** Still no server: withdraw what may no longer be used. */
  expire(): Promise<void>;
  /** Remember what is not as it was put there, for the next report. */
  noteDrift(): void;
  /** The host was started anew: what may not be used without a server's word goes. */
  afterReboot(): Promise<void>;
  /** The node is revoked: everything goes, and nothing is kept. */
  withdrawAll(): Promise<void>;
}

export interface EngineParts {
  readonly places: Places;
  readonly installed: Installed;
  readonly holdings: Holdings;
  readonly applier: Applier;
  readonly offline: OfflineKeeper;
  readonly drift: DriftWatch;
  readonly deriver: Deriver;
  readonly reporter: Reporter;
  readonly log: AgentLog;
  /** PEM certificates to trust from now on. */
  readonly onCa: (ca: readonly string[]) => void;
  /** Volumes that the server grants now. */
  readonly onVolumes: (volumes: Bundle["volumes"]) => void;
}

export function createEngine(parts: EngineParts): Engine {
  const { places, installed, holdings, applier, offline, drift, deriver, reporter, log, onCa, onVolumes } =
    parts;
  const oneAtATime = createQueue();
  /** What the server said last, without values; before that, what is installed. */
  let desired: readonly Wanted[] | null = null;
  let last: Outcome = { written: new Set(), failures: [], missing: new Set() };
  const drifted = new Map<string, Drift>();
  /** Asked for anew already: a second refusal would not be the value's fault. */
  const askedAnew = new Set<string>();
  const doubted = new Set<KeyName>();

  async function receive(bundle: Bundle, proveAll: boolean): Promise<Summary> {
    const { wanted, failures } = parseWanted(bundle, places);
    const before = installed.files.size;
    try {
      if (bundle.ca.length > 0) onCa(bundle.ca);
      keepOffline(wanted);
      desired = wanted.map((one) => ({ ...one, value: null }));
      last = await applier.apply(wanted);
    } finally {
      for (const { value } of wanted) value?.wipe();
    }
    onVolumes(bundle.volumes);
    drift.follow();
    doubted.clear();
    if (bundle.challenge !== "") reporter.setChallenge(bundle.challenge);
    reporter.prove(proveAll ? new Set(wanted.map(({ key }) => key)) : last.written);
    reporter.addFailures([...failures, ...last.failures]);
    const withdrawn = Math.max(0, before - installed.files.size);
    return { installed: last.written.size, withdrawn, failures: [...failures, ...last.failures] };
  }

  /** Going without the copy is better than going without the keys. */
  function keepOffline(wanted: readonly Wanted[]): void {
    try {
      offline.keep(wanted);
    } catch (error) {
      if (!isKeywardError(error)) throw error;
      log.error({ code: error.code, reason: error.message }, "the offline bundle was not written");
    }
  }

  function noteDrift(everywhere: boolean): Drift[] {
    const found = drift.look(everywhere);
    for (const one of found) {
      if (!drifted.has(one.path)) log.warn({ key: one.key, path: one.path, found: one.found }, "drift");
      drifted.set(one.path, one);
    }
    return found;
  }

  async function repair(everywhere: boolean): Promise<boolean> {
    const found = noteDrift(everywhere);
    const turned = everywhere && (await isSeedTurned());
    if (turned) log.warn({}, "the seed is another one: what is derived from it is made anew");
    if (found.length > 0 || turned) {
      last = await applier.apply(
        desired ?? installedAsWanted(),
        (file) => desired === null && file.current === null,
      );
      reporter.prove(last.written);
      reporter.addFailures(last.failures);
    }
    drift.follow();
    return found.length > 0 || turned;
  }

  /** Is a file here of another seed than the one that is there now? */
  async function isSeedTurned(): Promise<boolean> {
    const seeds = [...installed.files.values()].flatMap(({ current }) => current?.from?.seed ?? []);
    const now = seeds.length === 0 ? null : await deriver.seedNow();
    return now !== null && seeds.some((seed) => seed !== now);
  }

  /** After a start without a server, what is installed is all that is known to be wanted. */
  function installedAsWanted(): Wanted[] {
    return [...installed.files.values()].flatMap((file) => {
      const version = file.current?.version;
      return version === undefined ? [] : [asWanted(file, version)];
    });
  }

  /** What is not in the bundle and may be used stays; what may not goes. */
  async function goOffline(): Promise<void> {
    const restored = offline.restore().filter((one) => isAllowed(one, places));
    try {
      const known = new Set(restored.map(({ path }) => path));
      const keep = (file: InstalledFile): boolean => !known.has(file.path) && offline.isUsable(file.offline);
      last = await applier.apply(restored, keep);
      drift.follow();
      log.warn({ restored: restored.length, kept: installed.files.size }, "no server: going on without one");
    } finally {
      for (const { value } of restored) value?.wipe();
    }
  }

  async function expire(): Promise<void> {
    if ([...installed.files.values()].every((file) => offline.isUsable(file.offline))) return;
    await applier.apply([], (file) => offline.isUsable(file.offline));
    desired = desired?.filter(({ delivery }) => offline.isUsable(delivery.offline)) ?? null;
  }

  return {
    held: () => oneAtATime(async () => holdings.held().filter(({ key }) => !doubted.has(key))),
    receive: (bundle, proveAll) => oneAtATime(() => receive(bundle, proveAll)),
    lacking: () => ({ missing: new Set([...last.missing, ...doubted]), failed: last.failures.length > 0 }),
    distrust(refused) {
      for (const { key, version } of refused) {
        if (askedAnew.size > 10_000) askedAnew.clear();
        if (askedAnew.has(`${key}@${version}`)) continue;
        askedAnew.add(`${key}@${version}`);
        doubted.add(key);
      }
    },
    repair: (everywhere) => oneAtATime(() => repair(everywhere)),
    settleDrift: () =>
      oneAtATime(async () => {
        const found = [...drifted.values()].map((one) => ({
          ...one,
          repaired: isRepaired(installed, holdings, one),
        }));
        drifted.clear();
        reporter.addDrift(found);
      }),
    goOffline: () => oneAtATime(goOffline),
    expire: () => oneAtATime(expire),
    noteDrift: () => void noteDrift(true),
    async afterReboot() {
      await oneAtATime(() => applier.apply([], (file) => file.offline !== "never"));
    },
    withdrawAll: () =>
      oneAtATime(async () => {
        offline.forget();
        onVolumes([]);
        desired = [];
        last = await applier.apply([]);
        drift.follow();
      }),
  };
}

/** What was kept before the agent was told where it may put files. */
function isAllowed({ path, value }: Wanted, places: Places): boolean {
  try {
    assertPlace(path, places);
    return true;
  } catch {
    value?.wipe();
    return false;
  }
}

/** Repaired, or withdrawn since. */
function isRepaired(installed: Installed, holdings: Holdings, { path }: Drift): boolean {
  const file = installed.files.get(path);
  return file === undefined || holdings.conditionOf(file) === "intact";
}

function asWanted(file: InstalledFile, version: VersionNumber): Wanted {
  const { path, key, grant, offline, run, uid, gid, mode } = file;
  const numbers = { owner: String(uid), group: String(gid) };
  const delivery = {
    kind: "file",
    path,
    ...numbers,
    mode,
    ...(run === undefined ? {} : { run }),
    offline,
  } as const;
  const { derivation, encoding } = file.current?.from ?? {};
  const derived =
    derivation === undefined || encoding === undefined ? {} : { derived: { derivation, encoding } };
  return { grant, key, version, path, delivery: delivery as Wanted["delivery"], value: null, ...derived };
}

/** Work in the order of the calls; what fails fails for its caller alone. */
function createQueue(): <T>(work: () => Promise<T>) => Promise<T> {
  let tail: Promise<unknown> = Promise.resolve();
  return (work) => {
    const result = tail.then(work, work);
    tail = result.catch(() => {});
    return result;
  };
}

/** How a server that refuses this node sees it. */
export type Standing = "revoked" | "frozen" | "refused";

/** `node db1 is revoked`, `node db1: is frozen: REASON`. What follows is a person's words, and may say anything. */
const refusal = /^node [^\s:]+:? is (revoked|frozen|forgotten|not known any more)(?::|$)/;

/** `null` for an error that is not about who we are. A node that was removed is as one that was revoked. */
export function standingOf(error: unknown): Standing | null {
  if (!isKeywardError(error, "denied") && !isKeywardError(error, "unauthenticated")) return null;
  const [, state] = refusal.exec(error.message) ?? [];
  if (state === undefined) return "refused";
  return state === "frozen" ? "frozen" : "revoked";
}

export function assertAnswer(bundle: Bundle): Bundle {
  if (Array.isArray(bundle.entries) && Array.isArray(bundle.ca) && typeof bundle.challenge === "string")
    return bundle;
  throw new KeywardError("malformed", "the server's bundle is not as it should be");
}
