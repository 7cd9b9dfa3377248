/** Variable: one UEFI variable, read and written as efivarfs wants it. The traps are listed in `efivars.ts`. */
import { constants } from "node:fs";
import { concat } from "../../base/bytes.ts";
import { KeywardError } from "../../base/errors.ts";
import type { Efivars } from "./efivars.ts";

/** Non-volatile, boot service access, runtime access: survives a boot, and this system sees it. */
export const ATTRIBUTES = 0x07;
const ATTRIBUTES_SIZE = 4;
const MAX_BYTES = 65_536;
/** Below this much free space nothing is written: some firmware does not start with a full store. */
const SPARE_BYTES = 16_384;

export type Found =
  | { readonly kind: "variable"; readonly attributes: number; readonly payload: Uint8Array }
  /** A file without a variable: who made it was killed. Gone with the next boot. */
  | { readonly kind: "ghost" };

/**
 * @returns `null` when there is none.
 * @throws KeywardError `local`; `integrity` when it is longer than a variable of ours, or has no payload.
 */
export function readVariable(efivars: Efivars, name: string): Found | null {
  const bytes = told("read", name, () => readWhole(efivars, name));
  if (bytes === null) return null;
  if (bytes.length === 0) return { kind: "ghost" };
  if (bytes.length <= ATTRIBUTES_SIZE)
    throw new KeywardError("integrity", `UEFI variable ${name}: ${bytes.length} bytes are no variable`);
  const attributes = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
  return { kind: "variable", attributes, payload: bytes.slice(ATTRIBUTES_SIZE) };
}

/**
 * A new variable, with mode 0600.
 *
 * @throws KeywardError `conflict` when there is one; `local`: nothing is left then.
 */
export async function createVariable(efivars: Efivars, name: string, payload: Uint8Array): Promise<void> {
  assertSpace(efivars, name, payload);
  if (readVariable(efivars, name)?.kind === "ghost") await removeVariable(efivars, name);
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL;
  const handle = told("create", name, () => efivars.open(name, flags, 0o600));
  try {
    writeOnce(efivars, name, handle, payload);
    assertHolds(efivars, name, payload);
  } catch (error) {
    await removeVariable(efivars, name).catch(() => undefined);
    throw error;
  }
  await efivars.setImmutable(name, true);
}

/**
 * In place: there is no moment without the old value or the new one.
 *
 * @throws KeywardError `local`: the old value is there then.
 */
export async function overwriteVariable(efivars: Efivars, name: string, payload: Uint8Array): Promise<void> {
  assertSpace(efivars, name, payload);
  await mutably(efivars, name, () => {
    // Without O_TRUNC: a truncated file has a size of 0 until it is written, and readers may trust that.
    const handle = told("open", name, () => efivars.open(name, constants.O_WRONLY));
    writeOnce(efivars, name, handle, payload);
    assertHolds(efivars, name, payload);
    told("protect", name, () => efivars.chmod(name, 0o600));
  });
}

/** Nothing to do when there is none. @throws KeywardError `local` */
export async function removeVariable(efivars: Efivars, name: string): Promise<void> {
  if (!exists(efivars, name)) return;
  await efivars.setImmutable(name, false);
  told("remove", name, () => efivars.unlink(name));
}

/** Is there a file, a ghost too? */
export function exists(efivars: Efivars, name: string): boolean {
  return told("look for", name, () => absentIsNull(() => efivars.mode(name))) !== null;
}

/** Mode 0600. @throws KeywardError `local` */
export async function closeToOthers(efivars: Efivars, name: string): Promise<void> {
  await mutably(efivars, name, () => told("protect", name, () => efivars.chmod(name, 0o600)));
}

async function mutably(efivars: Efivars, name: string, work: () => void): Promise<void> {
  await efivars.setImmutable(name, false);
  try {
    work();
  } catch (error) {
    await efivars.setImmutable(name, true).catch(() => undefined);
    throw error;
  }
  await efivars.setImmutable(name, true);
}

function readWhole(efivars: Efivars, name: string): Uint8Array | null {
  const handle = absentIsNull(() => efivars.open(name, constants.O_RDONLY));
  if (handle === null) return null;
  try {
    const bytes = new Uint8Array(MAX_BYTES + 1);
    let length = 0;
    for (;;) {
      const count = efivars.read(handle, bytes.subarray(length));
      length += count;
      if (length > MAX_BYTES)
        throw new KeywardError("integrity", `UEFI variable ${name}: more than ${MAX_BYTES} bytes`);
      if (count === 0) return bytes.slice(0, length);
    }
  } finally {
    efivars.close(handle);
  }
}

/** Attributes and payload in one write: two would be two variables, the second in the first's place. */
function writeOnce(efivars: Efivars, name: string, handle: number, payload: Uint8Array): void {
  told("write", name, () => {
    try {
      const whole = concat(Uint8Array.of(ATTRIBUTES, 0, 0, 0), payload);
      const taken = efivars.write(handle, whole);
      if (taken === whole.length) return;
      throw new KeywardError("local", `UEFI variable ${name}: ${taken} of ${whole.length} bytes were taken`);
    } finally {
      efivars.close(handle);
    }
  });
}

function assertHolds(efivars: Efivars, name: string, payload: Uint8Array): void {
  const found = readVariable(efivars, name);
  const same = found?.kind === "variable" && found.attributes === ATTRIBUTES;
  if (same && Buffer.from(found.payload).equals(payload)) return;
  throw new KeywardError("local", `UEFI variable ${name}: what was read back is not what was written`);
}

function assertSpace(efivars: Efivars, name: string, payload: Uint8Array): void {
  const { total, available } = told("write", name, () => efivars.space());
  if (total === 0 || available >= SPARE_BYTES + payload.length) return;
  throw full(name, `${available} bytes are free`);
}

function full(name: string, why: string): KeywardError {
  return new KeywardError("local", `UEFI variable ${name}: the firmware's store is full: ${why}`, {
    hint: "reboot, which lets the firmware reclaim space; what is there stays as it is",
  });
}

function absentIsNull<T>(step: () => T): T | null {
  try {
    return step();
  } catch (error) {
    if (codeOf(error) === "ENOENT") return null;
    throw error;
  }
}

/** Do one step; what the system refuses is said in words. */
function told<T>(verb: string, name: string, step: () => T): T {
  try {
    return step();
  } catch (error) {
    throw error instanceof KeywardError ? error : refusal(verb, name, error);
  }
}

function refusal(verb: string, name: string, cause: unknown): KeywardError {
  const code = codeOf(cause);
  const what = `cannot ${verb} UEFI variable ${name}`;
  switch (code) {
    case "EEXIST":
      return new KeywardError("conflict", `UEFI variable ${name}: there is one already`, {
        hint: "a seed is never overwritten: keyward seed show tells which it is",
        cause,
      });
    case "ENOSPC":
      return full(name, "the firmware takes no more");
    case "EROFS":
      return new KeywardError("local", `${what}: efivarfs is mounted read-only`, {
        hint: "mount -o remount,rw /sys/firmware/efi/efivars; in a container, do it on its host",
        cause,
      });
    case "EACCES":
    case "EPERM":
      return new KeywardError("local", `${what}: not permitted (${code})`, { hint: "run it as root", cause });
    case "EIO":
    case "EINVAL":
      return new KeywardError("local", `${what}: the firmware refuses it (${code})`, {
        hint: "what was there is as it was; keep the seed elsewhere, with --file or --systemd-creds",
        cause,
      });
    default:
      return new KeywardError("local", `${what} (${code})`, { cause });
  }
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? "unknown error";
}
