/**
 * Apply: from what is installed to what is wanted. What is gone is withdrawn first, then all files are put in
 * place, then hooks are started, each once. A file that cannot be put in place is reported and stops no other.
 */
import type { Accounts } from "../adapters/accounts/accounts.ts";
import { isKeywardError } from "../base/errors.ts";
import { canonicalJson } from "../base/json.ts";
import type { Secret } from "../base/secret.ts";
import type { DerivedAs, VersionNumber } from "../model/key.ts";
import type { KeyName } from "../model/name.ts";
import type { Deriver, MadeFrom } from "./deriver.ts";
import type { Holdings } from "./holdings.ts";
import type { Installer } from "./install.ts";
import type { Installed, InstalledFile } from "./installed.ts";
import type { AgentLog } from "./log.ts";
import type { Ownership } from "./place.ts";
import type { Failure, Wanted } from "./wanted.ts";

export interface Outcome {
  /** Keys of which a file was written. */
  readonly written: ReadonlySet<KeyName>;
  readonly failures: readonly Failure[];
  /** Keys whose value is neither in the bundle nor on this host: ask for them. */
  readonly missing: ReadonlySet<KeyName>;
}

export interface Applier {
  /**
   * @param wanted - All that should be there, one entry a path.
   * @param keep - Of what is not wanted, which stays all the same. Nothing, unless given.
   * @throws KeywardError `local` when the state directory cannot be written; then nothing was put in place.
   */
  apply(wanted: readonly Wanted[], keep?: (file: InstalledFile) => boolean): Promise<Outcome>;
}

export interface ApplierParts {
  readonly installed: Installed;
  readonly installer: Installer;
  readonly holdings: Holdings;
  readonly accounts: Accounts;
  /** Some may be due: those of this change, or of one before a kill. */
  readonly startHooks: () => void;
  /** A value from the offline bundle; the caller wipes it. */
  readonly spare: (wanted: Wanted) => Secret | null;
  readonly digest: (value: Secret) => string;
  readonly deriver: Deriver;
  readonly log: AgentLog;
}

/** A file to put in place. */
interface Task {
  readonly wanted: Wanted;
  readonly ownership: Ownership;
  readonly value: Secret;
  /** How it was derived. */
  readonly from?: MadeFrom;
  /** What was known of the path before. */
  readonly before: InstalledFile | undefined;
}

/** A file that is wanted, and whose it shall be. */
type Due = Pick<Task, "wanted" | "ownership">;

interface Progress {
  readonly written: Set<KeyName>;
  readonly failures: Failure[];
  readonly missing: Set<KeyName>;
  /** Values that are not the bundle's own, to be wiped at the end. */
  readonly copies: Secret[];
}

export function createApplier(parts: ApplierParts): Applier {
  const { installed, installer, holdings, accounts, startHooks, spare, digest, deriver, log } = parts;

  async function ownershipOf({ delivery }: Wanted, ask: Accounts): Promise<Ownership> {
    const { owner, group, mode } = delivery;
    const uid = owner === undefined ? process.geteuid?.() : await ask.uidOf(owner);
    const gid = group === undefined ? process.getegid?.() : await ask.gidOf(group);
    return { uid: uid ?? 0, gid: gid ?? 0, mode };
  }

  /** Is it there already? Then what is new of its grant is noted. */
  function isDone({ wanted, ownership }: Due, seed: string | null): boolean {
    const before = installed.files.get(wanted.path);
    if (before === undefined || !isInPlace(before, wanted, ownership, seed)) return false;
    const record = recordOf(wanted, ownership, before);
    if (canonicalJson(record) !== canonicalJson(before)) installed.put(record);
    return true;
  }

  /** `null` when its value is missing. */
  function taskFor({ wanted, ownership }: Due, progress: Progress): Task | null {
    const { key, version, path } = wanted;
    const before = installed.files.get(path);
    const copy = wanted.value === null ? (holdings.copyOf(key, version) ?? spare(wanted)) : null;
    if (copy !== null) progress.copies.push(copy);
    const value = wanted.value ?? copy;
    if (value === null) progress.missing.add(key);
    return value === null ? null : { wanted, ownership, value, before };
  }

  /** Made by this host, once for all its files. */
  async function derivedTasks(due: readonly Due[], progress: Progress): Promise<Task[]> {
    const wanted = new Map(
      due.flatMap(({ wanted: one }) => (isDerived(one) ? [[one.key, one] as const] : [])),
    );
    const made = await deriver.make([...wanted.values()]);
    const byKey = new Map([...wanted.keys()].map((key, i) => [key, made[i]]));
    for (const one of made) if ("value" in one) progress.copies.push(one.value);
    return due.flatMap(({ wanted: one, ownership }): Task[] => {
      const mine = byKey.get(one.key);
      if (mine === undefined) return [];
      const before = installed.files.get(one.path);
      if ("value" in mine) return [{ wanted: one, ownership, value: mine.value, from: mine.from, before }];
      fail(progress, one.key, one.path, mine.error);
      return [];
    });
  }

  /** @param seed - A derived file of another seed than this is not what is wanted. */
  function isInPlace(
    file: InstalledFile,
    { key, version, derived }: Wanted,
    { uid, gid, mode }: Ownership,
    seed: string | null,
  ): boolean {
    if (file.current?.key !== key || file.current.version !== version) return false;
    if (derived !== undefined && seed !== null && file.current.from?.seed !== seed) return false;
    if (file.uid !== uid || file.gid !== gid || file.mode !== mode) return false;
    return holdings.conditionOf(file) === "intact";
  }

  /** Written down before the disk changes. */
  function intend({ wanted, ownership, value, from, before }: Task): void {
    const { key, version } = wanted;
    installed.put({
      ...recordOf(wanted, ownership, before),
      next: { key, version, digest: digest(value), file: "", ...(from === undefined ? {} : { from }) },
    });
  }

  function place({ wanted, ownership, value, before }: Task, progress: Progress): void {
    const { key, version, path } = wanted;
    const file = installed.files.get(path);
    if (file?.next == null) return;
    try {
      const placed = installer.install(path, value, ownership);
      holdings.trust(path, placed.stamp);
      const due = file.due || (placed.changed && file.run !== undefined);
      installed.put({ ...file, current: { ...file.next, file: placed.file }, next: null, due });
      progress.written.add(key);
      log.info({ key, version, path }, "installed");
    } catch (error) {
      // As it was, unless it got there all the same (the directory could not be synced, say).
      installed.put({ ...(before ?? file), next: file.next });
      holdings.settle({ ...(before ?? file), next: file.next });
      fail(progress, key, path, error);
    }
  }

  function withdraw(file: InstalledFile, progress: Progress): void {
    const { key, path } = file;
    try {
      const result = holdings.remove(file);
      installed.forget(path);
      if (result === "foreign") log.warn({ key, path }, "not removed: the file there is not ours");
      else log.info({ key, path }, "withdrawn");
    } catch (error) {
      fail(progress, key, path, error);
    }
  }

  function fail(progress: Progress, key: string, path: string, error: unknown): void {
    if (!isKeywardError(error)) throw error;
    progress.failures.push({ key, path, message: error.message });
    log.error({ key, path, code: error.code, reason: error.message }, "failed");
  }

  /** Accounts are asked for all at once, and each only once: a directory service may be slow. */
  async function tasksFor(wanted: readonly Wanted[], progress: Progress): Promise<Task[]> {
    const ask = remembering(accounts);
    const ownerships = await Promise.allSettled(wanted.map((one) => ownershipOf(one, ask)));
    const seed = wanted.some(isDerived) ? await deriver.seedNow() : null;
    const due = wanted.flatMap((one, i): Due[] => {
      const ownership = ownerships[i];
      if (ownership?.status === "fulfilled") return [{ wanted: one, ownership: ownership.value }];
      fail(progress, one.key, one.path, ownership?.reason);
      return [];
    });
    const left = due.filter((one) => !isDone(one, seed));
    const sent = left.filter((one) => !isDerived(one.wanted));
    const derived = left.filter((one) => isDerived(one.wanted));
    return [
      ...sent.flatMap((one) => taskFor(one, progress) ?? []),
      ...(await derivedTasks(derived, progress)),
    ];
  }

  async function change(
    wanted: readonly Wanted[],
    keep: (file: InstalledFile) => boolean,
    progress: Progress,
  ): Promise<void> {
    for (const file of [...installed.files.values()]) holdings.settle(file);
    const had = contentsOf(installed);
    const paths = new Set(wanted.map((one) => one.path));
    const keys = new Set(wanted.map((one) => one.key));
    const gone = [...installed.files.values()].filter((file) => !paths.has(file.path) && !keep(file));
    for (const file of gone) if (!keys.has(file.key)) withdraw(file, progress);
    const tasks = await tasksFor(wanted, progress);
    for (const task of tasks) intend(task);
    installed.save();
    for (const task of tasks) place(task, progress);
    // A key that only moved: its old file was where its value came from.
    for (const file of gone) if (keys.has(file.key)) withdraw(file, progress);
    // That files are in place is found out again after a kill; that others are gone, or hooks due, is not.
    if (noteWithdrawn(installed, had) || tasks.some(({ wanted }) => wanted.delivery.run !== undefined))
      installed.save();
  }

  return {
    async apply(wanted, keep = () => false) {
      const progress: Progress = { written: new Set(), failures: [], missing: new Set(), copies: [] };
      try {
        await change(wanted, keep, progress);
      } finally {
        for (const copy of progress.copies) copy.wipe();
      }
      startHooks();
      return progress;
    },
  };
}

function isDerived(wanted: Wanted): wanted is Wanted & { derived: DerivedAs } {
  return wanted.derived !== undefined;
}

function recordOf(
  { path, key, grant, delivery }: Wanted,
  ownership: Ownership,
  before?: InstalledFile,
): InstalledFile {
  const { offline, run } = delivery;
  return {
    path,
    key,
    grant,
    offline,
    ...(run === undefined ? {} : { run }),
    ...ownership,
    current: before?.current ?? null,
    next: null,
    due: before?.due ?? false,
  };
}

function remembering({ uidOf, gidOf }: Accounts): Accounts {
  const once = (ask: (name: string) => Promise<number>): ((name: string) => Promise<number>) => {
    const answers = new Map<string, Promise<number>>();
    return (name) => {
      const answer = answers.get(name) ?? ask(name);
      answers.set(name, answer);
      return answer;
    };
  };
  return { uidOf: once(uidOf), gidOf: once(gidOf) };
}

type Contents = Map<KeyName, VersionNumber>;

function contentsOf({ files }: Installed): Contents {
  const contents = [...files.values()].flatMap(({ current }) => current ?? []);
  return new Map(contents.map(({ key, version }) => [key, version]));
}

/** Keys of which no file is left are to be reported; those that came back are not. @returns Whether there are any. */
function noteWithdrawn(installed: Installed, had: Contents): boolean {
  const has = contentsOf(installed);
  const gone = new Map([...installed.withdrawn.map(({ key, version }) => [key, version] as const), ...had]);
  for (const key of has.keys()) gone.delete(key);
  if (gone.size === 0 && installed.withdrawn.length === 0) return false;
  installed.setWithdrawn([...gone].map(([key, version]) => ({ key, version })));
  return true;
}
