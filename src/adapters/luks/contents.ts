/**
 * Contents: is there anything on a device? Formatting asks nobody and cannot be undone, so what cannot be proven to be
 * blank is not.
 */
import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import { KeywardError } from "../../base/errors.ts";
import type { DurationMs } from "../../base/time.ts";
import { printable } from "../../model/name.ts";
import type { RunProgram } from "../process.ts";

export type Contents =
  /** No signature of any kind, and zeros at both ends. */
  | { readonly kind: "blank" }
  /** `type`: as blkid(8) names it: `crypto_LUKS`, `ext4`, `LVM2_member`, a partition table. */
  | { readonly kind: "signature"; readonly type: string }
  /** No signature that is known, but bytes: a raw database, an encrypted volume without a header. */
  | { readonly kind: "data" };

const EDGE_BYTES = 1_048_576;

/** @throws KeywardError `not-found`; `local` when it cannot be read to the end of what is looked at. */
export async function contentsOf(device: string, run: RunProgram): Promise<Contents> {
  // Before blkid, which says of what it cannot open just what it says of a blank device.
  const edgesAreZero = withDevice(device, (fd) => isZeroAtBothEnds(fd, device));
  const { end, output, stdout } = await run({
    argv: ["blkid", "--probe", "--output", "export", device],
    environment: { LC_ALL: "C" },
    limit: 60_000 as DurationMs,
    apart: true,
  });
  const said = Buffer.from(stdout ?? []).toString("utf8");
  if (end.kind === "exited" && end.status === 2 && said === "")
    return edgesAreZero ? { kind: "blank" } : { kind: "data" };
  // 8: several signatures, and which one counts is not clear.
  if (end.kind === "exited" && (end.status === 0 || end.status === 8))
    return {
      kind: "signature",
      type: /^(?:PT)?TYPE=([\w.-]{1,64})$/m.exec(said)?.[1] ?? "several signatures",
    };
  const why =
    end.kind === "exited" ? `${end.status}: ${Buffer.from(output).toString("utf8").trim()}` : end.kind;
  throw new KeywardError("local", `device ${device}: blkid cannot say what is on it (${printable(why)})`);
}

/** What the header of a LUKS2 volume calls its subsystem; empty when it names none. */
export async function subsystemOf(device: string, run: RunProgram): Promise<string> {
  const { stdout } = await run({
    argv: ["blkid", "--probe", "--match-tag", "SUBSYSTEM", "--output", "value", device],
    environment: { LC_ALL: "C" },
    limit: 60_000 as DurationMs,
    apart: true,
  });
  return Buffer.from(stdout ?? [])
    .toString("utf8")
    .trim();
}

function withDevice<T>(device: string, work: (fd: number) => T): T {
  let fd: number;
  try {
    fd = openSync(device, constants.O_RDONLY);
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code;
    const absent = code === "ENOENT" || code === "ENXIO" || code === "ENODEV";
    throw new KeywardError(absent ? "not-found" : "local", `device ${device}: cannot be read (${code})`, {
      cause,
    });
  }
  try {
    return work(fd);
  } finally {
    closeSync(fd);
  }
}

function isZeroAtBothEnds(fd: number, device: string): boolean {
  const stat = fstatSync(fd);
  if (!stat.isBlockDevice() && !stat.isFile())
    throw new KeywardError("local", `device ${device}: is neither a block device nor a file`);
  const size = stat.isFile() ? stat.size : sizeOf(fd);
  const length = Math.min(EDGE_BYTES, size);
  return [0, size - length].every((offset) => isZero(fd, offset, length, device));
}

function isZero(fd: number, offset: number, length: number, device: string): boolean {
  const bytes = Buffer.alloc(length);
  for (let have = 0; have < length; ) {
    const count = readSync(fd, bytes, have, length - have, offset + have);
    if (count === 0) throw new KeywardError("local", `device ${device}: ends before its size`);
    have += count;
  }
  return bytes.equals(Buffer.alloc(length));
}

/** stat(2) says 0 of a block device, and Node has no ioctl(2) or lseek(2): the last byte that can be read tells. */
function sizeOf(fd: number): number {
  const byte = Buffer.alloc(1);
  const reads = (offset: number): boolean => readSync(fd, byte, 0, 1, offset) === 1;
  if (!reads(0)) return 0;
  let [low, high] = [0, 1];
  while (reads(high)) [low, high] = [high, high * 2];
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (reads(middle)) low = middle;
    else high = middle;
  }
  return high;
}

/** For a person. */
export function heldBy(contents: Exclude<Contents, { kind: "blank" }>): string {
  return contents.kind === "signature" ? contents.type : "data of no kind that is known";
}
