/**
 * Unit places: units, crypttab and fstab of this machine, or of one whose files lie below another directory. A file is
 * replaced in one step and keeps its owner and mode, so that whoever reads it at any time, or after a power cut, reads
 * the whole of the one or of the other.
 */
import {
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  type Stats,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { KeywardError } from "../../base/errors.ts";

/** A character of a text is a byte. */
export interface UnitPlacesOnDisk {
  /** @throws KeywardError `local` when it is no plain file, is too long, or cannot be read. */
  read(path: string): string | null;
  list(path: string): readonly string[] | null;
  /**
   * @param before - What was read; `null`: there is none.
   * @param after - `null`: it goes, and so does a directory of drop-ins that is empty then.
   * @throws KeywardError `conflict` when somebody has changed it meanwhile; `local`.
   */
  replace(path: string, before: string | null, after: string | null): void;
}

const MODE = 0o644;
const MAX_BYTES = 1_048_576;
const CREATE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;

/** @param root - Where `/` is. */
export function createUnitPlaces(root = "/"): UnitPlacesOnDisk {
  const places: UnitPlacesOnDisk = {
    read(path) {
      const place = join(root, path);
      const stat = statOf(place);
      return stat === null ? null : told("read", place, () => readFileSync(place, "latin1"));
    },

    list(path) {
      try {
        return readdirSync(join(root, path)).sort();
      } catch {
        return null;
      }
    },

    replace(path, before, after) {
      const place = join(root, path);
      const unchanged = (): void => {
        if (places.read(path) !== before)
          throw new KeywardError("conflict", `${place}: was changed meanwhile`, { hint: "run it again" });
      };
      if (after === null) {
        unchanged();
        told("remove", place, () => remove(place));
      } else told("write", place, () => write(place, after, unchanged));
    },
  };
  return places;
}

function write(place: string, text: string, unchanged: () => void): void {
  mkdirSync(dirname(place), { recursive: true, mode: 0o755 });
  const stat = statOf(place);
  // One name: what a killed run has left is replaced by the next.
  const draft = join(dirname(place), `.${basename(place)}.keyward`);
  rmSync(draft, { force: true });
  const fd = openSync(draft, CREATE, 0o600);
  try {
    writeFileSync(fd, Buffer.from(text, "latin1"));
    if (stat !== null) fchownSync(fd, stat.uid, stat.gid);
    fchmodSync(fd, stat === null ? MODE : stat.mode & 0o7777);
    fsyncSync(fd);
    unchanged();
    renameSync(draft, place);
  } catch (error) {
    rmSync(draft, { force: true });
    throw error;
  } finally {
    closeSync(fd);
  }
  sync(dirname(place));
}

function remove(place: string): void {
  rmSync(place, { force: true });
  const directory = dirname(place);
  sync(directory);
  if (!directory.endsWith(".d")) return;
  try {
    rmdirSync(directory);
  } catch {
    // Others have something in it.
  }
}

/** @returns `null` when there is none. @throws KeywardError `local` when it is no plain file. */
function statOf(place: string): Stats | null {
  const stat = told("read", place, () => lstatSync(place, { throwIfNoEntry: false }));
  if (stat === undefined) return null;
  if (!stat.isFile()) throw new KeywardError("local", `${place}: is no plain file`);
  if (stat.size > MAX_BYTES) throw new KeywardError("local", `${place}: is longer than ${MAX_BYTES} bytes`);
  return stat;
}

function sync(directory: string): void {
  const fd = openSync(directory, constants.O_RDONLY);
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

function told<T>(act: string, place: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof KeywardError) throw error;
    const code = (error as NodeJS.ErrnoException).code ?? "unknown";
    throw new KeywardError("local", `${place}: cannot ${act} it (${code})`, { cause: error });
  }
}
