/** Mount: file systems made, mounted and unmounted, by mount(8), umount(8) and mkfs(8). */
import { mkdirSync, readdirSync, readFileSync, statSync } from "node:fs";
import { KeywardError } from "../../base/errors.ts";
import type { DurationMs } from "../../base/time.ts";
import type { Mount } from "../../model/volume.ts";
import { callProgram } from "../host-program.ts";
import { type RunProgram, runProgram } from "../process.ts";
import { type Holder, holdersOf } from "./holders.ts";

export type { Holder } from "./holders.ts";

/** All throw `local` where a program is missing or fails. */
export interface Mounts {
  /** @returns The device that is mounted there, by its number `8:1`; `null` when nothing is. */
  at(point: string): string | null;
  /** Does what is mounted there lie on this device, if with others between? */
  carries(device: string, point: string): boolean;
  /** A device's number. @throws KeywardError `not-found`; `local` when it is no block device. */
  numberOf(device: string): string;
  /**
   * Nothing to do when the device is mounted there. The directory is made when it is missing.
   *
   * @throws KeywardError `conflict` when something else is mounted there, or files lie there that nobody would see.
   */
  mount(device: string, mount: Mount): Promise<void>;
  /** Nothing to do when nothing is mounted there. @throws KeywardError `busy`: the message names who uses it. */
  unmount(point: string): Promise<void>;
  holders(point: string): Holder[];
  /** Tell those who use it to end, then make them. @returns When nobody does any more, or after the time given. */
  evict(point: string, patience: DurationMs): Promise<void>;
  /** @returns The file system's kind, as blkid(8) names it; `null` when there is no signature of any. */
  signature(device: string): Promise<string | null>;
  /** Over whatever is there: the caller has made sure that it is nothing. */
  makeFileSystem(device: string, fstype: Mount["fstype"]): Promise<void>;
}

const tools = { ext4: "e2fsprogs", xfs: "xfsprogs", btrfs: "btrfs-progs" } as const;

export function createMounts(run: RunProgram = runProgram): Mounts {
  const call = (argv: readonly string[], packages: string) => callProgram(run, argv, { packages });

  const mounts: Mounts = {
    at(point) {
      const lines = readFileSync("/proc/self/mountinfo", "utf8").split("\n");
      // The last one is on top.
      const line = lines.findLast((one) => plainPath(one.split(" ")[4] ?? "") === point);
      return line?.split(" ")[2] ?? null;
    },

    numberOf(device) {
      let stat: ReturnType<typeof statSync>;
      try {
        stat = statSync(device);
      } catch (cause) {
        throw new KeywardError("not-found", `device ${device}: there is none`, { cause });
      }
      if (!stat.isBlockDevice()) throw new KeywardError("local", `device ${device}: is no block device`);
      return `${majorOf(stat.rdev)}:${minorOf(stat.rdev)}`;
    },

    carries: (device, point) => isBeneath(device, pointDevices(point)),

    async mount(device, { point, fstype, options }) {
      const there = mounts.at(point);
      if (there === mounts.numberOf(device)) return;
      if (there !== null) throw new KeywardError("conflict", `${point}: something else is mounted there`);
      assertEmpty(point);
      const more = options.length === 0 ? [] : ["-o", options.join(",")];
      const { status, said } = await call(["mount", "-t", fstype, ...more, device, point], "mount");
      if (status === 0 || mounts.at(point) === mounts.numberOf(device)) return;
      throw new KeywardError("local", `${point}: ${device} was not mounted: ${said}`, {
        hint: `is the file system whole? see: fsck ${device}`,
      });
    },

    async unmount(point) {
      if (mounts.at(point) === null) return;
      const { status, said } = await call(["umount", point], "mount");
      if (status === 0 || mounts.at(point) === null) return;
      const holders = holdersOf(point).map(({ pid, name }) => `${name} (${pid})`);
      const who = holders.length === 0 ? said : `used by ${holders.slice(0, 8).join(", ")}`;
      throw new KeywardError("busy", `${point}: is not unmounted: ${who}`);
    },

    holders: holdersOf,

    async evict(point, patience) {
      for (const signal of ["SIGTERM", "SIGKILL"] as const) {
        for (const { pid } of holdersOf(point)) kill(pid, signal);
        for (let waited = 0; waited < patience / 2 && holdersOf(point).length > 0; waited += 100)
          await pause(100);
      }
    },

    async signature(device) {
      const argv = ["blkid", "--probe", "--output", "export", device];
      const { status, stdout, said } = await call(argv, "util-linux");
      if (status === 2 && stdout === "") return null;
      if (status === 0 || status === 8) return /^(?:PT)?TYPE=(.*)$/m.exec(stdout)?.[1] ?? "several";
      throw new KeywardError("local", `device ${device}: blkid cannot say what is on it: ${said}`);
    },

    async makeFileSystem(device, fstype) {
      const force = fstype === "ext4" ? "-F" : "-f";
      const { status, said } = await call([`mkfs.${fstype}`, "-q", force, device], tools[fstype]);
      if (status !== 0) throw new KeywardError("local", `device ${device}: no file system was made: ${said}`);
    },
  };
  return mounts;
}

/** Numbers of what is mounted there; btrfs has one of its own, and names its device. */
function pointDevices(point: string): string[] {
  const lines = readFileSync("/proc/self/mountinfo", "utf8").split("\n");
  const line = lines.findLast((one) => plainPath(one.split(" ")[4] ?? "") === point) ?? "";
  const [, source = ""] = / - \S+ (\S+)/.exec(line) ?? [];
  return [line.split(" ")[2] ?? "", ...numbersOf(plainPath(source))];
}

/** @param above - Numbers of devices, as `254:0`: what each lies on is what the kernel says. */
function isBeneath(device: string, above: readonly string[]): boolean {
  const [wanted] = numbersOf(device);
  const seen = new Set<string>();
  const look = (number: string): boolean => {
    if (number === "" || seen.has(number)) return false;
    seen.add(number);
    return number === wanted || slavesOf(number).some(look);
  };
  return wanted !== undefined && above.some(look);
}

function slavesOf(number: string): string[] {
  const folder = `/sys/dev/block/${number}/slaves`;
  try {
    return readdirSync(folder).map((name) => readFileSync(`${folder}/${name}/dev`, "utf8").trim());
  } catch {
    return [];
  }
}

function numbersOf(device: string): string[] {
  const stat = device.startsWith("/") ? statSync(device, { throwIfNoEntry: false }) : undefined;
  return stat?.isBlockDevice() === true ? [`${majorOf(stat.rdev)}:${minorOf(stat.rdev)}`] : [];
}

/** @throws KeywardError `conflict`, `local` */
function assertEmpty(point: string): void {
  try {
    mkdirSync(point, { recursive: true, mode: 0o755 });
    if (readdirSync(point).length === 0) return;
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? "unknown";
    throw new KeywardError("local", `${point}: is no directory to mount on (${code})`, { cause });
  }
  throw new KeywardError("conflict", `${point}: files lie there, which nobody would see`, {
    hint: "a service ran before its volume was there? move them away",
  });
}

function kill(pid: number, signal: "SIGTERM" | "SIGKILL"): void {
  try {
    if (pid !== process.pid) process.kill(pid, signal);
  } catch {
    // it has ended
  }
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** As proc(5) writes blanks and the like: `\\040`. */
function plainPath(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
}

/** makedev(3), as the C library packs it. */
function majorOf(number: number): number {
  const wide = BigInt(number);
  return Number(((wide >> 8n) & 0xfffn) | ((wide >> 32n) & ~0xfffn));
}

function minorOf(number: number): number {
  const wide = BigInt(number);
  return Number((wide & 0xffn) | ((wide >> 12n) & ~0xffn));
}
