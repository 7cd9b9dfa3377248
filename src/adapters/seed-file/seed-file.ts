/**
 * Seed file: a machine's seed in a file, 0600. Each write is one step: a temporary file beside it, synced, renamed,
 * the directory synced. `next` is a second file, NAME.next.
 */
import { randomBytes } from "node:crypto";
import {
  chmodSync,
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  type Stats,
  statSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { KeywardError } from "../../base/errors.ts";
import { printable } from "../../model/name.ts";
import type { SeedPlace, SeedSlot } from "../../model/seed-place.ts";

/** Larger ones hold no envelope. */
const MAX_BYTES = 2_097_152;
const READ = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
const CREATE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;

/**
 * @param path - Absolute. Its directory must exist,
 * @param makes - unless this says that the first seed makes it, 0700.
 */
export function createSeedFile(path: string, { makesDirectory = false } = {}): SeedPlace {
  const paths: Readonly<Record<SeedSlot, string>> = { current: path, next: `${path}.next` };
  const told = <T>(verb: string, slot: SeedSlot, step: () => T): T => {
    try {
      return step();
    } catch (error) {
      throw error instanceof KeywardError ? error : cannot(verb, paths[slot], error);
    }
  };
  const read = (slot: SeedSlot): Uint8Array | null => told("read", slot, () => readWhole(paths[slot]));

  return {
    kind: "file",
    name: `the file ${printable(path)}`,
    read: async (slot) => read(slot),

    async create(envelope) {
      if (makesDirectory)
        told("write", "current", () => mkdirSync(dirname(path), { recursive: true, mode: 0o700 }));
      told("write", "current", () =>
        placeNew(path, envelope, (temporary) => {
          linkSync(temporary, path);
          unlinkSync(temporary);
        }),
      );
      assertSame(read("current"), envelope, path);
    },

    async stage(envelope) {
      if (read("current") === null) throw absent(path);
      told("write", "next", () =>
        placeNew(paths.next, envelope, (temporary) => renameSync(temporary, paths.next)),
      );
      assertSame(read("next"), envelope, paths.next);
    },

    async commit() {
      const staged = read("next");
      if (staged === null)
        throw new KeywardError("not-found", `the file ${printable(paths.next)}: no seed is staged`);
      told("write", "current", () => {
        const old = openSync(path, constants.O_WRONLY | constants.O_NOFOLLOW);
        try {
          renameSync(paths.next, path);
          syncDirectory(path);
          zero(old);
        } finally {
          closeSync(old);
        }
      });
      assertSame(read("current"), staged, path);
    },

    async erase() {
      told("erase", "next", () => {
        if (found(paths.next) === null) return;
        const fd = openSync(paths.next, constants.O_WRONLY | constants.O_NOFOLLOW);
        try {
          zero(fd);
        } finally {
          closeSync(fd);
        }
        unlinkSync(paths.next);
        syncDirectory(path);
      });
    },

    async inspect() {
      const stat = told("look at", "current", () => found(path));
      return stat === null
        ? { warnings: [] }
        : { mode: stat.mode & 0o7777, warnings: leftWrong(path, stat).map(({ what }) => what) };
    },

    async protect() {
      const wrong = (["current", "next"] as const).flatMap((slot) =>
        told("look at", slot, () => {
          const stat = found(paths[slot]);
          return stat === null ? [] : leftWrong(paths[slot], stat);
        }),
      );
      for (const { mend } of wrong) told("set right", "current", mend);
      return [...wrong.map(({ what }) => what), ...told("clean", "current", () => clean(path))];
    },
  };
}

/** Written beside it and synced, then put in place by `place`; nothing is left when that fails. */
function placeNew(path: string, bytes: Uint8Array, place: (temporary: string) => void): void {
  const temporary = join(dirname(path), `${beside(path)}${randomBytes(8).toString("hex")}`);
  try {
    const fd = openSync(temporary, CREATE, 0o600);
    try {
      for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    place(temporary);
  } catch (error) {
    forget(temporary);
    throw error;
  }
  syncDirectory(path);
}

const beside = (path: string): string => `.${basename(path)}.new-`;

/** What a killed program left half-written. Only sealed bytes are ever in it. */
function clean(path: string): string[] {
  if (found(dirname(path)) === null) return [];
  const names = readdirSync(dirname(path)).filter((name) =>
    [path, `${path}.next`].some(
      (one) => name.startsWith(beside(one)) && /^[0-9a-f]{16}$/.test(name.slice(beside(one).length)),
    ),
  );
  for (const name of names) forget(join(dirname(path), name));
  return names.map((name) => `${printable(name)} was left half-written, and is removed`);
}

function leftWrong(path: string, { mode, uid }: Stats): { what: string; mend: () => void }[] {
  const wrong: { what: string; mend: () => void }[] = [];
  if ((mode & 0o077) !== 0)
    wrong.push({
      what: `${printable(path)}: others could read or change it (mode ${octal(mode)})`,
      mend: () => chmodSync(path, 0o600),
    });
  if (uid !== 0 && uid !== process.getuid?.())
    wrong.push({ what: `${printable(path)}: belongs to user ${uid}`, mend: () => {} });
  return wrong;
}

function octal(mode: number): string {
  return (mode & 0o7777).toString(8).padStart(4, "0");
}

function found(path: string): Stats | null {
  return statSync(path, { throwIfNoEntry: false }) ?? null;
}

function readWhole(path: string): Uint8Array | null {
  let fd: number;
  try {
    fd = openSync(path, READ);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
  try {
    const stat = fstatSync(fd);
    if (!stat.isFile()) throw new KeywardError("local", `seed file ${printable(path)}: is not a file`);
    if (stat.size > MAX_BYTES)
      throw new KeywardError("too-large", `seed file ${printable(path)}: more than ${MAX_BYTES} bytes`);
    const bytes = new Uint8Array(stat.size);
    for (let at = 0; at < bytes.length; ) {
      const count = readSync(fd, bytes, at, bytes.length - at, at);
      if (count === 0) throw new KeywardError("integrity", `seed file ${printable(path)}: grew shorter`);
      at += count;
    }
    return bytes;
  } finally {
    closeSync(fd);
  }
}

function zero(fd: number): void {
  const zeros = new Uint8Array(fstatSync(fd).size);
  for (let at = 0; at < zeros.length; ) at += writeSync(fd, zeros, at, zeros.length - at, at);
  fsyncSync(fd);
}

function syncDirectory(path: string): void {
  const fd = openSync(dirname(path), constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

function forget(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // it may be gone already
  }
}

function assertSame(read: Uint8Array | null, wanted: Uint8Array, path: string): void {
  if (read !== null && Buffer.from(read).equals(wanted)) return;
  throw new KeywardError("local", `seed file ${printable(path)}: what was read back is not what was written`);
}

function absent(path: string): KeywardError {
  return new KeywardError("not-found", `seed file ${printable(path)}: there is none`, {
    hint: "make one: keyward seed install --file PATH",
  });
}

function cannot(verb: string, path: string, error: unknown): KeywardError {
  const code = (error as NodeJS.ErrnoException).code ?? "unknown error";
  if (code === "EEXIST")
    return new KeywardError("conflict", `seed file ${printable(path)}: there is a seed already`, {
      hint: "a seed is never overwritten: keyward seed show tells which it is, keyward seed rotate replaces it",
    });
  if (code === "ENOENT")
    return new KeywardError("local", `seed file ${printable(path)}: its directory is not there`, {
      hint: `make it: mkdir -m 700 ${printable(dirname(path))}`,
    });
  if (code === "ELOOP")
    return new KeywardError("local", `seed file ${printable(path)}: is a symbolic link`, {
      hint: "name the file itself",
    });
  return new KeywardError("local", `cannot ${verb} seed file ${printable(path)} (${code})`, { cause: error });
}
