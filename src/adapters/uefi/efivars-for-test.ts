/**
 * An efivarfs in memory, with the kernel's rules and a firmware's bounds, reboots and faults. What it claims,
 * `test/vm/efivars-conformance.ts` asserts here and of the real one.
 */
import { constants } from "node:fs";
import { KeywardError } from "../../base/errors.ts";
import type { Efivars } from "./efivars.ts";

/** A fault: called before each step, and throws what the step is to throw. */
export type Fault = (step: keyof FakeEfivars, name: string) => void;

export interface FakeEfivars extends Efivars {
  sync(handle: number): void;
  rename(from: string, to: string): void;
  makeDirectory(name: string): void;
  size(name: string): number;
  /** Space is reclaimed, ghosts go, modes and flags are as at the start. */
  reboot(): void;
  fault: Fault | null;
}

interface File {
  /** Attributes and payload; `null`: a ghost. */
  content: Buffer | null;
  mode: number;
  immutable: boolean;
  truncated: boolean;
}

/** OVMF's store, and what the kernel keeps back of it. */
const TOTAL = 262_044;
const RESERVE = 5120;
const MAX_PAYLOAD = 33_000;
const named = /^.+-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

export function systemError(code: string): Error {
  return Object.assign(new Error(code), { code });
}

export function createFakeEfivars({ there = true } = {}): FakeEfivars {
  const files = new Map<string, File>();
  const handles = new Map<number, { name: string; file: File; at: number }>();
  let used = 0;
  let nextHandle = 3;

  const step = (what: keyof FakeEfivars, name: string): void => fake.fault?.(what, name);
  const found = (name: string): File => {
    const file = files.get(name);
    if (file === undefined) throw systemError("ENOENT");
    return file;
  };
  const changeable = (name: string): File => {
    const file = found(name);
    if (file.immutable) throw systemError("EPERM");
    return file;
  };
  const held = (handle: number) => {
    const one = handles.get(handle);
    if (one === undefined) throw systemError("EBADF");
    return one;
  };
  const cost = (name: string, content: Buffer): number => content.length - 4 + 2 * (name.length - 36) + 60;

  function open(name: string, flags: number, mode: number): number {
    if (name.length > 255) throw systemError("ENAMETOOLONG");
    const writes = (flags & (constants.O_WRONLY | constants.O_RDWR)) !== 0;
    let file = files.get(name);
    if (file === undefined) {
      if ((flags & constants.O_CREAT) === 0) throw systemError("ENOENT");
      if (!named.test(name)) throw systemError("EINVAL");
      file = { content: null, mode, immutable: true, truncated: false };
      files.set(name, file);
    } else {
      if ((flags & constants.O_EXCL) !== 0) throw systemError("EEXIST");
      if (writes && file.immutable) throw systemError("EPERM");
      if ((flags & constants.O_TRUNC) !== 0) file.truncated = true;
    }
    handles.set(nextHandle, { name, file, at: 0 });
    return nextHandle++;
  }

  function write(name: string, file: File, bytes: Buffer): void {
    if (bytes.length < 4) throw systemError("EINVAL");
    const attributes = bytes.readUInt32LE();
    if (attributes === 0 || (bytes.length === 4 && file.content === null)) throw systemError("EIO");
    if (attributes === 0x27) throw systemError("EACCES");
    if (attributes !== 0x07) throw systemError("EINVAL");
    if (bytes.length === 4) {
      files.delete(name);
      return;
    }
    if (bytes.length - 4 > MAX_PAYLOAD || used + cost(name, bytes) > TOTAL - RESERVE)
      throw systemError("ENOSPC");
    used += cost(name, bytes);
    file.content = Buffer.from(bytes);
    file.truncated = false;
  }

  const fake: FakeEfivars = {
    fault: null,
    assertThere() {
      step("assertThere", "");
      if (!there) throw new KeywardError("local", "no UEFI variables on this machine");
    },
    open(name, flags, mode = 0o666) {
      step("open", name);
      return open(name, flags, mode);
    },
    write(handle, bytes) {
      const { name, file } = held(handle);
      step("write", name);
      write(name, file, Buffer.from(bytes));
      return bytes.length;
    },
    read(handle, into) {
      const one = held(handle);
      step("read", one.name);
      const part = (one.file.content ?? Buffer.alloc(0)).subarray(one.at, one.at + into.length);
      into.set(part);
      one.at += part.length;
      return part.length;
    },
    close: (handle) => void handles.delete(handle),
    mode(name) {
      step("mode", name);
      return found(name).mode;
    },
    chmod(name, mode) {
      step("chmod", name);
      changeable(name).mode = mode;
    },
    unlink(name) {
      step("unlink", name);
      changeable(name);
      files.delete(name);
    },
    list: () => [...files.keys()],
    space() {
      step("space", "");
      return { total: TOTAL, available: Math.max(0, TOTAL - RESERVE - used) };
    },
    async setImmutable(name, on) {
      step("setImmutable", name);
      found(name).immutable = on;
    },
    sync() {
      throw systemError("EINVAL");
    },
    rename() {
      throw systemError("EPERM");
    },
    makeDirectory() {
      throw systemError("EPERM");
    },
    size(name) {
      const { content, truncated } = found(name);
      return truncated ? 0 : (content?.length ?? 0);
    },
    reboot() {
      handles.clear();
      used = 0;
      for (const [name, file] of files) {
        if (file.content === null) {
          files.delete(name);
          continue;
        }
        used += cost(name, file.content);
        Object.assign(file, { mode: 0o644, immutable: true, truncated: false });
      }
    },
  };
  return fake;
}
