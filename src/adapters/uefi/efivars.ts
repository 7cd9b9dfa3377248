/**
 * Efivars: the kernel's efivarfs, where each UEFI variable is a file `Name-GUID`: 4 bytes of attributes, little
 * endian, then the payload. A small interface, so that a fake can stand in its place; both are held to
 * `test/vm/efivars-conformance.ts`, in a virtual machine with real firmware.
 *
 * What differs from other file systems, and what the callers must heed:
 *
 * - One write is one SetVariable: a second one replaces the first. Four bytes alone delete.
 * - A file is immutable (chattr(1)) at once, and again after every boot; clear the flag before a change.
 * - A mode lasts until the next boot: then it is 0644.
 * - fsync, rename and mkdir do not exist. A write is durable when it returns.
 * - A size that stat(2) gives is not to be trusted: read to the end.
 * - Space that an overwrite or a deletion frees comes back with the next boot.
 *
 * Source: Linux, fs/efivarfs; UEFI Specification 2.10, section 8.2.
 */
import {
  chmodSync,
  closeSync,
  existsSync,
  openSync,
  readdirSync,
  readSync,
  statfsSync,
  statSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { KeywardError } from "../../base/errors.ts";
import type { DurationMs } from "../../base/time.ts";
import { type RunProgram, runProgram } from "../process.ts";

export const EFIVARS_DIRECTORY = "/sys/firmware/efi/efivars";
/** statfs(2)'s type of it. */
const EFIVARFS_MAGIC = 0xde5e81e4;

/** Errors are the system's, with its `code`, unless it says otherwise. */
export interface Efivars {
  /** @throws KeywardError `local` when this machine has no UEFI, or its variables are not mounted. */
  assertThere(): void;
  /** @param flags - As open(2). @returns A handle. */
  open(name: string, flags: number, mode?: number): number;
  /** @returns How many bytes were taken. */
  write(handle: number, bytes: Uint8Array): number;
  /** @returns How many bytes came; 0 at the end. */
  read(handle: number, into: Uint8Array): number;
  close(handle: number): void;
  /** Permission bits. */
  mode(name: string): number;
  chmod(name: string, mode: number): void;
  unlink(name: string): void;
  list(): string[];
  /** Bytes. A kernel that cannot tell says 0 in all. */
  space(): { readonly total: number; readonly available: number };
  /** @throws KeywardError `local` when chattr is missing or refuses. */
  setImmutable(name: string, on: boolean): Promise<void>;
}

export interface EfivarsParts {
  /** Another folder than efivarfs itself is for tests: it hides most of what is said above. */
  readonly directory?: string;
  readonly run?: RunProgram;
}

export function createEfivars({
  directory = EFIVARS_DIRECTORY,
  run = runProgram,
}: EfivarsParts = {}): Efivars {
  const at = (name: string): string => join(directory, name);
  return {
    assertThere() {
      if (directory !== EFIVARS_DIRECTORY && existsSync(directory)) return;
      if (!existsSync(directory))
        throw new KeywardError("local", `no UEFI variables on this machine: ${directory} is not there`, {
          hint: "it was started by a BIOS, or is a container: keep the seed elsewhere, with --file or --systemd-creds",
        });
      if (statfsSync(directory).type >>> 0 !== EFIVARFS_MAGIC)
        throw new KeywardError("local", `UEFI variables are not mounted on ${directory}`, {
          hint: `mount -t efivarfs efivarfs ${directory}`,
        });
    },
    open: (name, flags, mode) => openSync(at(name), flags, mode),
    write: (handle, bytes) => writeSync(handle, bytes),
    read: (handle, into) => readSync(handle, into, 0, into.length, null),
    close: (handle) => closeSync(handle),
    mode: (name) => statSync(at(name)).mode & 0o7777,
    chmod: (name, mode) => chmodSync(at(name), mode),
    unlink: (name) => unlinkSync(at(name)),
    list: () => readdirSync(directory),
    space() {
      const { bsize, blocks, bavail } = statfsSync(directory);
      return { total: blocks * bsize, available: bavail * bsize };
    },
    setImmutable: (name, on) => changeFlag(run, at(name), on),
  };
}

/** Node has no ioctl(2), so this is chattr(1)'s. */
async function changeFlag(run: RunProgram, path: string, on: boolean): Promise<void> {
  const argv = ["chattr", on ? "+i" : "-i", path];
  const { end, output } = await run({ argv, limit: 10_000 as DurationMs, environment: { LC_ALL: "C" } });
  if (end.kind === "exited" && end.status === 0) return;
  const what = `cannot ${on ? "set" : "clear"} the immutable flag of ${path}`;
  if (end.kind === "not-started")
    throw new KeywardError("local", `${what}: chattr is not there (${end.code})`, {
      hint: "install e2fsprogs",
    });
  const said = Buffer.from(output).toString("latin1").trim().split("\n").at(-1)?.slice(0, 200) ?? "";
  throw new KeywardError("local", `${what}: ${end.kind === "exited" ? said : `chattr: ${end.kind}`}`, {
    hint: "it wants root, and CAP_LINUX_IMMUTABLE: in a systemd unit, see CapabilityBoundingSet=",
  });
}
