/**
 * Reseal files: each replaced in one step, with its mode, only when it is still the one that was read. A batch is
 * prepared while the files of the one before are on their way to the disk, which takes many at once.
 */
import {
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  fstatSync,
  fsync,
  fsyncSync,
  lstatSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  type Stats,
  statSync,
  writeFileSync,
} from "node:fs";
import path from "node:path";
import { promisify } from "node:util";
import { fromUtf8, utf8 } from "../../base/bytes.ts";
import { KeywardError } from "../../base/errors.ts";
import { formatExactJsonLines } from "../../base/exact-json-text.ts";
import { cannot } from "../../command/read-file.ts";
import type { Session } from "../../command/session.ts";
import { forget } from "../../command/write-file.ts";
import { parseStoredItem, type StoredItem } from "../../formats/databag/databag.ts";
import { printable } from "../../model/name.ts";
import { itemFilesIn, MAX_ITEM_FILE } from "./repository.ts";
import { type ResealNeeds, resealItem } from "./reseal.ts";
import { count, countFailure, createTally, doneOf, type Tally } from "./tally.ts";

const BATCH = 128;
const NEW = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
const sync = promisify(fsync);

interface Staged {
  readonly file: string;
  readonly temporary: string;
  readonly fd: number;
  readonly seen: Stats;
  readonly values: number;
}

type Watching = Pick<Session, "progress" | "world">;

/** @param write - Nothing is written without it, only counted. */
export async function resealFiles(
  { progress, world }: Watching,
  files: readonly string[],
  needs: ResealNeeds,
  write: boolean,
): Promise<Tally> {
  const tally = createTally(files.length);
  const vaults = vaultItemsAmong(files);
  let landing: Promise<void> = Promise.resolve();
  for (let at = 0; at < files.length && !world.interrupted.aborted; at += BATCH) {
    progress.say(`${doneOf(tally)} of ${files.length}  ${files[at]}`);
    const staged: Staged[] = [];
    for (const file of files.slice(at, at + BATCH))
      try {
        if (vaults.has(file)) tally.vault++;
        else await stageOne(file, needs, write, tally, staged);
      } catch (error) {
        countFailure(tally, file, error);
      }
    await landing;
    landing = land(staged, tally);
    // Lets an interruption be seen, and what is on its way go on.
    await new Promise((resolve) => setImmediate(resolve));
  }
  await landing;
  if (write) for (const folder of new Set(files.map((file) => path.dirname(file)))) syncFolder(folder);
  progress.end();
  return tally;
}

/** Files as they are named, and of a folder all JSON files below it; no link is followed. */
export function filesIn(places: readonly string[], cwd: string): string[] {
  return places.flatMap((place) => {
    const at = path.resolve(cwd, place);
    return statSync(at, { throwIfNoEntry: false })?.isDirectory() === true ? [...below(at)] : [at];
  });
}

function* below(folder: string): Generator<string> {
  sweep(folder);
  for (const name of itemFilesIn(folder)) yield path.join(folder, name);
  const folders = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  for (const { name } of folders) if (!name.startsWith(".")) yield* below(path.join(folder, name));
}

/** What a run that was killed left behind. */
function sweep(folder: string): void {
  for (const name of readdirSync(folder)) {
    const pid = Number(/^\..+\.json\.reseal-(\d{1,10})$/.exec(name)?.[1]);
    if (pid > 0 && !isAlive(pid)) forget(path.join(folder, name));
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== "ESRCH";
  }
}

/** `x.json` beside `x_keys.json`. */
function vaultItemsAmong(files: readonly string[]): ReadonlySet<string> {
  const keys = files.filter((file) => file.endsWith("_keys.json"));
  return new Set(keys.map((file) => `${file.slice(0, -"_keys.json".length)}.json`));
}

async function stageOne(
  file: string,
  needs: ResealNeeds,
  write: boolean,
  tally: Tally,
  staged: Staged[],
): Promise<void> {
  const { item, seen } = readSeen(file);
  const done = await resealItem(item, needs);
  if (done.kind !== "resealed" || !write) return count(tally, done);
  staged.push({ ...stage(file, done.item, seen), file, seen, values: done.values });
}

function readSeen(file: string): { item: StoredItem; seen: Stats } {
  const what = printable(file);
  let fd: number;
  try {
    fd = openSync(file, "r");
  } catch (error) {
    throw cannot("read", file, "item", error);
  }
  try {
    const seen = fstatSync(fd);
    if (seen.size > MAX_ITEM_FILE)
      throw new KeywardError("too-large", `${what}: more than ${MAX_ITEM_FILE} bytes`);
    return { seen, item: parseStoredItem(fromUtf8(readFileSync(fd), what), what) };
  } catch (error) {
    throw error instanceof KeywardError ? error : cannot("read", file, "item", error);
  } finally {
    closeSync(fd);
  }
}

function stage(file: string, item: StoredItem, seen: Stats): Pick<Staged, "temporary" | "fd"> {
  const temporary = path.join(path.dirname(file), `.${path.basename(file)}.reseal-${process.pid}`);
  let fd: number | undefined;
  try {
    fd = openSync(temporary, NEW, 0o600);
    writeFileSync(fd, utf8(formatExactJsonLines(item)));
    keepOwner(fd, seen);
    fchmodSync(fd, seen.mode & 0o7777);
    return { temporary, fd };
  } catch (error) {
    if (fd !== undefined) {
      closeSync(fd);
      forget(temporary);
    }
    throw cannot("write", file, "item", error);
  }
}

/** Only root can; for others the file becomes theirs, as with every editor. */
function keepOwner(fd: number, { uid, gid }: Stats): void {
  if (process.getuid?.() === 0) fchownSync(fd, uid, gid);
}

async function land(staged: readonly Staged[], tally: Tally): Promise<void> {
  await Promise.all(
    staged.map(async (one) => {
      try {
        await landOne(one);
        count(tally, { kind: "resealed", item: new Map(), values: one.values });
      } catch (error) {
        forget(one.temporary);
        countFailure(tally, one.file, error);
      }
    }),
  );
}

async function landOne({ file, temporary, fd, seen }: Staged): Promise<void> {
  try {
    await sync(fd).finally(() => closeSync(fd));
    const now = lstatSync(file, { throwIfNoEntry: false });
    if (now === undefined || !isSame(now, seen))
      throw new KeywardError("conflict", `${printable(file)}: was changed by somebody else meanwhile`);
    renameSync(temporary, file);
  } catch (error) {
    throw error instanceof KeywardError ? error : cannot("write", file, "item", error);
  }
}

function isSame(now: Stats, seen: Stats): boolean {
  if (now.isSymbolicLink()) return true;
  return now.ino === seen.ino && now.mtimeMs === seen.mtimeMs && now.size === seen.size;
}

function syncFolder(folder: string): void {
  try {
    const fd = openSync(folder, "r");
    try {
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
  } catch {
    // Some file systems do not sync folders.
  }
}
