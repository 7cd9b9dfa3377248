/** One node, from its bundle to its report, over one connection. */
import { posix } from "node:path";
import type { Caller } from "../audit/audit.ts";
import { fromBase64, toBase64, toHex } from "../base/bytes.ts";
import { isKeywardError, KeywardError } from "../base/errors.ts";
import { Secret } from "../base/secret.ts";
import type { Clock, DurationMs } from "../base/time.ts";
import type { Random } from "../crypto/random.ts";
import { type Bundle, type BundleEntry, type Drift, type Fleet, prove } from "../fleet/fleet.ts";
import type { KeyName, NodeName } from "../model/name.ts";
import { isOver, type PushSettings } from "../model/push.ts";
import type { RemoteHost } from "../model/remote-host.ts";
import type { PushRow } from "../records/records.ts";
import { lookAt, lostKeys, type Wanted } from "./in-place.ts";
import {
  type DueProgram,
  emptyRow,
  joinFiles,
  joinPrograms,
  type Pushed,
  type PushedFile,
} from "./pushed.ts";

export type PushOutcome =
  | {
      readonly kind: "delivered";
      readonly installed: number;
      readonly withdrawn: number;
      readonly repaired: number;
    }
  /** All was as it should be; nothing was written. */
  | { readonly kind: "unchanged"; readonly files: number };

export interface PushNodeNeeds {
  readonly fleet: Pick<Fleet, "bundleFor" | "report" | "delivered">;
  readonly pushed: Pushed;
  readonly clock: Clock;
  readonly random: Random;
  readonly hookLimit: DurationMs;
}

interface Failure {
  readonly key: KeyName;
  readonly path: string;
  readonly message: string;
}

/** What has been done to the node so far. */
interface Progress {
  installed: number;
  readonly withdrawn: PushedFile[];
  readonly failures: Failure[];
  /** Files of which nobody knows what lies there now. */
  readonly unsure: PushedFile[];
  readonly changed: BundleEntry[];
}

/**
 * @param known - What was pushed to this host before.
 * @param every - What went out so long ago or longer is written anew; all is compared unless given, here or in the
 *   node's settings.
 * @throws KeywardError `denied` unless the node is active; whatever the connection ends with; `local` when something could
 *   not be put in place, once all else was done and reported.
 */
export async function pushNode(
  needs: PushNodeNeeds,
  node: NodeName,
  settings: PushSettings,
  known: PushRow | null,
  host: RemoteHost,
  every = settings.redistribute === true ? settings.every : undefined,
): Promise<PushOutcome> {
  const { fleet, pushed, random, clock } = needs;
  const caller: Caller = { by: { kind: "node", name: node }, request: `ssh-${toHex(random(6))}` };
  const row = known ?? { node: "", ...emptyRow(settings) };
  const now = clock();
  const there = fleet
    .delivered(node)
    .filter(
      ({ withdrawn, proved, failed }) =>
        withdrawn === undefined && proved !== undefined && failed === undefined,
    );
  const held = there.filter(({ delivered }) => every === undefined || !isOver(delivered, every, now));
  const kept = new Set(held.map(({ key }) => key));
  const anew = new Set(there.flatMap(({ key }) => (kept.has(key) ? [] : [key])));
  const first = await fleet.bundleFor(caller, held);
  const progress: Progress = { installed: 0, withdrawn: [], failures: [], unsure: [], changed: [] };
  const wanted = await wantedOf(host, settings, first.entries, progress);
  const compared = wanted.filter(({ entry }) => entry.value === undefined);
  const looked = await lookAt(host, node, first.challenge, compared);
  const { refused } = await report(fleet, caller, first, { proofs: proofsOf(compared, looked.proofs) });
  const lost = lostKeys(compared, looked, refused);
  const again =
    lost.size === 0
      ? null
      : await fleet.bundleFor(
          caller,
          held.filter(({ key }) => !lost.has(key)),
        );
  const tasks = tasksOf(wanted, again);
  const stale = row.files.filter(({ path }) => !wanted.some((one) => one.path === path));
  if (tasks.length === 0 && stale.length === 0 && row.due.length === 0 && row.begun !== true) {
    if (progress.failures.length > 0) await conclude(needs, caller, first, progress, [], []);
    return { kind: "unchanged", files: wanted.length };
  }
  await pushed.save(node, { settings, ...intended(row, tasks), begun: true });
  if (row.begun === true) await sweep(host, row);
  for (const task of tasks) await install(host, settings, task, anew.has(task.entry.key), progress);
  for (const file of stale) await withdraw(host, file, progress);
  const due = dueAfter(row, progress);
  await runPrograms(host, due, needs.hookLimit, progress);
  await pushed.save(node, { settings, files: filesAfter(wanted, progress), due: [] });
  const drift = driftOf(compared, looked.conditions, lost, progress);
  await conclude(
    needs,
    caller,
    again ?? first,
    progress,
    provedBy(node, again ?? first, tasks, progress),
    drift,
  );
  return {
    kind: "delivered",
    installed: progress.installed,
    withdrawn: progress.withdrawn.length,
    repaired: drift.length,
  };
}

/**
 * Take away all that was pushed: the node is revoked or forgotten.
 *
 * @returns How many files.
 */
export async function clearNode(
  pushed: Pushed,
  node: NodeName,
  row: PushRow,
  host: RemoteHost,
): Promise<number> {
  const progress: Progress = { installed: 0, withdrawn: [], failures: [], unsure: [], changed: [] };
  for (const file of row.files) await withdraw(host, file, progress);
  if (row.begun === true) await sweep(host, row);
  const [failure] = progress.failures;
  if (failure === undefined) await pushed.forget(node);
  else throw new KeywardError("local", `${failure.path}: ${failure.message}`);
  return progress.withdrawn.length;
}

/** The push before was broken off: what it was about to rename may lie beside its files. */
async function sweep(host: RemoteHost, { files }: PushRow): Promise<void> {
  for (const directory of new Set(files.map(({ path }) => posix.dirname(path)))) await host.sweep(directory);
}

/** Owners are asked for once each; who has none is left out and reported. */
async function wantedOf(
  host: RemoteHost,
  settings: PushSettings,
  entries: readonly BundleEntry[],
  progress: Progress,
): Promise<Wanted[]> {
  const wanted: Wanted[] = [];
  for (const entry of entries) {
    const { path, owner, group, mode } = entry.delivery;
    try {
      if (entry.derived !== undefined)
        throw new KeywardError("usage", "is derived from the node's own seed, which takes an agent there");
      const ownership = { ...(await host.ownerOf(owner, group)), mode };
      wanted.push({ entry, path: path.startsWith("/") ? path : `${settings.directory}/${path}`, ownership });
    } catch (error) {
      fail(progress, entry.key, path, error);
    }
  }
  return wanted;
}

interface Task extends Wanted {
  /** Base64. */
  readonly value: string;
}

/** What has to be written: what was sent the first time, or again because it was lost. */
function tasksOf(wanted: readonly Wanted[], again: Bundle | null): Task[] {
  const anew = new Map(again?.entries.map(({ key, value }) => [key, value]));
  return wanted.flatMap((one): Task[] => {
    const value = anew.get(one.entry.key) ?? one.entry.value;
    return value === undefined ? [] : [{ ...one, value }];
  });
}

/** Before anything is done: what may then be there, and what has to run after it. */
function intended(row: PushRow, tasks: readonly Task[]): Pick<PushRow, "files" | "due"> {
  const files = tasks.map(({ path, entry }) => ({ path, key: entry.key }));
  return {
    files: joinFiles(row.files, files),
    due: joinPrograms(row.due, programsOf(tasks.map(({ entry }) => entry))),
  };
}

function programsOf(entries: readonly BundleEntry[]): DueProgram[] {
  return entries.flatMap(({ key, delivery: { run } }) =>
    run === undefined ? [] : [{ argv: run, keys: [key] }],
  );
}

/** What was due before, and what changed now: not what was intended and found to be so already. */
function dueAfter(row: PushRow, { changed }: Progress): DueProgram[] {
  return joinPrograms(row.due, programsOf(changed));
}

/** What could not be taken away is tried again. */
function filesAfter(wanted: readonly Wanted[], { unsure }: Progress): PushedFile[] {
  return joinFiles(
    wanted.map(({ path, entry }) => ({ path, key: entry.key })),
    unsure,
  );
}

async function install(
  host: RemoteHost,
  { directory }: PushSettings,
  task: Task,
  anew: boolean,
  progress: Progress,
): Promise<void> {
  const { path, ownership, entry } = task;
  using value = Secret.take(fromBase64(task.value, "bundle"));
  try {
    const { written, changed } = await host.install(path, value, ownership, directory, anew);
    if (written) progress.installed++;
    if (changed) progress.changed.push(entry);
  } catch (error) {
    progress.unsure.push({ path, key: entry.key });
    fail(progress, entry.key, path, error);
  }
}

async function withdraw(host: RemoteHost, file: PushedFile, progress: Progress): Promise<void> {
  try {
    // what is no file there is not ours, and stays
    await host.remove(file.path);
    progress.withdrawn.push(file);
  } catch (error) {
    progress.unsure.push(file);
    fail(progress, file.key, file.path, error);
  }
}

async function runPrograms(
  host: RemoteHost,
  due: readonly DueProgram[],
  limit: DurationMs,
  progress: Progress,
): Promise<void> {
  for (const { argv, keys } of due) {
    const status = await host.run(argv, { KEYWARD_KEYS: keys.join(" ") }, limit);
    const what = status === null ? "hook was ended by a signal" : `hook ended with status ${status}`;
    if (status === 0) continue;
    for (const key of keys) progress.failures.push({ key, path: "", message: what });
  }
}

/** An act on one file that failed; one that ended the connection ends the push. */
function fail(progress: Progress, key: KeyName, path: string, error: unknown): void {
  if (!isKeywardError(error, "local") && !isKeywardError(error, "usage")) throw error;
  progress.failures.push({ key, path, message: error.message });
}

function proofsOf(files: readonly Wanted[], proofs: ReadonlyMap<KeyName, string>) {
  const versions = new Map(files.map(({ entry }) => [entry.key, entry.version]));
  return [...proofs].map(([key, proof]) => ({ key, version: versions.get(key) ?? 0, proof }));
}

/** Of what has been put in place, all its files. */
function provedBy(node: NodeName, { challenge }: Bundle, tasks: readonly Task[], { failures }: Progress) {
  const failed = new Set(failures.map(({ key }) => key));
  const done = new Map(
    tasks.filter(({ entry }) => !failed.has(entry.key)).map((task) => [task.entry.key, task]),
  );
  const under = fromBase64(challenge, "challenge");
  return [...done.values()].map(({ entry: { key, version }, value }) => {
    using content = Secret.take(fromBase64(value, "bundle"));
    return { key, version, proof: toBase64(prove(under, { node, key, version }, content)) };
  });
}

function driftOf(
  files: readonly Wanted[],
  conditions: ReadonlyMap<string, string>,
  lost: ReadonlySet<KeyName>,
  { failures }: Progress,
): Drift[] {
  return files
    .filter(({ entry }) => lost.has(entry.key))
    .map(({ entry: { key }, path }) => ({
      key,
      path,
      found: conditions.get(path) === "removed" ? "removed" : "changed",
      repaired: !failures.some((failure) => failure.path === path),
    }));
}

async function conclude(
  { fleet }: PushNodeNeeds,
  caller: Caller,
  bundle: Bundle,
  { withdrawn, failures }: Progress,
  proofs: { key: KeyName; version: number; proof: string }[],
  drift: readonly Drift[],
): Promise<void> {
  const gone = new Set(withdrawn.map(({ key }) => key));
  for (const { key } of bundle.entries) gone.delete(key);
  const by = caller.by.kind === "node" ? caller.by.name : null;
  const versions = by === null ? [] : fleet.delivered(by).filter(({ key }) => gone.has(key));
  await report(fleet, caller, bundle, {
    proofs,
    drift,
    failures,
    withdrawn: versions.map(({ key, version }) => ({ key, version })),
  });
  const [failure] = failures;
  if (failure !== undefined) throw new KeywardError("local", failure.message);
}

function report(
  fleet: Pick<Fleet, "report">,
  caller: Caller,
  { challenge }: Bundle,
  said: Partial<Parameters<Fleet["report"]>[1]>,
): ReturnType<Fleet["report"]> {
  return fleet.report(caller, { challenge, proofs: [], withdrawn: [], drift: [], failures: [], ...said });
}
