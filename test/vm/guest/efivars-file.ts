/** A file of efivarfs, by the calls that Keyward makes: each answers with what happened, or the system's code. */
import { execFileSync } from "node:child_process";
import { closeSync, constants, openSync, readFileSync, statSync, writeSync } from "node:fs";

export const EFIVARS = "/sys/firmware/efi/efivars";
const GUID = "7b9f4f6e-3c1d-4a58-9d62-0f5a4e2c8b17";

export const variable = (name: string): string => `${EFIVARS}/${name}-${GUID}`;

/** Non-volatile, for boot services, for the running system. */
export const ATTRIBUTES = 0x07;

/** Attributes, little endian, then the payload: what one write carries. */
export function content(payload: Uint8Array | string, attributes: number = ATTRIBUTES): Buffer {
  const head = Buffer.alloc(4);
  head.writeUInt32LE(attributes);
  return Buffer.concat([head, Buffer.from(payload)]);
}

/** `done`, or the code with which the system refused. */
export function outcome(work: () => unknown): string {
  try {
    work();
    return "done";
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? String(error);
  }
}

/** Open and write once for each part. */
export function write(path: string, parts: readonly Uint8Array[], flags: number, mode = 0o600): void {
  const fd = openSync(path, flags, mode);
  try {
    for (const part of parts) {
      const written = writeSync(fd, part);
      if (written !== part.length) throw new Error(`short write: ${written} of ${part.length}`);
    }
  } finally {
    closeSync(fd);
  }
}

const NEW = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL;

export const create = (path: string, ...parts: Uint8Array[]): void => write(path, parts, NEW);
export const replace = (path: string, ...parts: Uint8Array[]): void => write(path, parts, constants.O_WRONLY);

/** The payload, read to its end. */
export const payload = (path: string): string => readFileSync(path).subarray(4).toString();

export const mode = (path: string): string => (statSync(path).mode & 0o7777).toString(8);

export function isImmutable(path: string): boolean {
  const listed = execFileSync("lsattr", ["-d", path], { encoding: "utf8" });
  return (listed.split(" ")[0] ?? "").includes("i");
}

export function mutable(path: string): void {
  execFileSync("chattr", ["-i", path]);
}
