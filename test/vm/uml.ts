/**
 * UML: User Mode Linux, a real kernel as a process of an unprivileged user: device-mapper, LVM, file systems and
 * reboots in a second or two, without firmware. It sees nothing of this machine but its own disk.
 */
import { execFileSync } from "node:child_process";
import { chownSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import type { Entry } from "./archive.ts";
import { debian } from "./debian.ts";
import { starter, tools } from "./initramfs.ts";
import { type Boot, type Machine, wordsOf, writeInitramfs } from "./machine.ts";
import { watch } from "./watch.ts";

const DISK_BYTES = 256 * 1024 * 1024;
const DEADLINE_MS = 420_000;
const SYSTEMD_DEADLINE_MS = 420_000;

/** Where slirp has this machine's loopback, all of it; without a route to anywhere else the guest reaches no more. */
const LOOPBACK = "10.0.2.2";

/** "nobody": a guest that breaks out finds no rights. */
const NOBODY = 65_534;

export interface UmlMachine extends Machine {
  /** Files: what it may keep a secret on by mistake is searched from outside. */
  readonly disk: string;
  readonly disks: readonly string[];
}

/**
 * Two empty disks; the rest is in its memory, over programs on disks that are only read.
 *
 * @param layers - Images of more of them, the first one uppermost: three at most.
 */
export function createUmlMachine(layers: readonly string[] = []): UmlMachine {
  const folder = newFolder();
  const disks = { ubda: emptyDisk(folder, "data"), ubdd: emptyDisk(folder, "more") };
  const programs = [...layers, tools].map((image, i) => {
    const path = join(folder, `layer-${i}.img`);
    execFileSync("cp", ["--sparse=always", image, path]);
    return [`ubd${"efgh"[i]}`, path] as const;
  });
  return machine(folder, { disks, layers: Object.fromEntries(programs) }, DEADLINE_MS);
}

/** Debian with systemd on a disk of its own (`debian.ts`), which it keeps; two empty disks; and swap. */
export function createDebianMachine(): UmlMachine {
  const folder = newFolder();
  const system = join(folder, "system.img");
  execFileSync("cp", ["--sparse=always", debian, system]);
  const swap = emptyDisk(folder, "swap");
  execFileSync("mkswap", [swap], { stdio: "pipe" });
  const disks = {
    ubda: emptyDisk(folder, "data"),
    ubdb: system,
    ubdc: swap,
    ubdd: emptyDisk(folder, "more"),
  };
  return machine(folder, { disks, layers: {} }, SYSTEMD_DEADLINE_MS);
}

const newFolder = (): string => mkdtempSync(join(tmpdir(), "keyward-uml-"));

function emptyDisk(folder: string, name: string): string {
  const path = join(folder, `${name}.img`);
  writeFileSync(path, "");
  truncateSync(path, DISK_BYTES);
  return path;
}

/** Image files, by the names of their devices. */
interface Disks {
  readonly disks: Readonly<Record<string, string>> & { readonly ubda: string };
  /** In their order. */
  readonly layers: Readonly<Record<string, string>>;
}

function machine(folder: string, all: Disks, deadlineMs: number): UmlMachine {
  const { disks, layers } = all;
  // `init.sh` takes them over to the system that it starts.
  const placed = (file: Entry): Entry => ({ ...file, path: `files/${file.path}` });
  const paths = Object.values(disks);
  if (process.getuid?.() === 0)
    for (const path of [folder, ...paths, ...Object.values(layers)]) chownSync(path, NOBODY, NOBODY);
  return {
    disk: disks.ubda,
    disks: paths,
    async boot(asked) {
      const { image, typed, cut = null } = asked;
      if (image === undefined) writeInitramfs(join(folder, "initramfs"), starter, asked.files?.map(placed));
      else writeFileSync(join(folder, "initramfs"), image);
      const seen = await watch(argv(folder, all, asked), asked.deadlineMs ?? deadlineMs, cut, typed);
      return { ...seen, console: "" };
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

function argv(folder: string, { disks, layers }: Disks, asked: Boot): string[] {
  const words = wordsOf(asked, {
    report: "/dev/tty1",
    disk: "/dev/ubda",
    server: { address: LOOPBACK, port: asked.port ?? 0 },
  });
  return [
    ...(process.getuid?.() === 0 ? [...NAMESPACE, ...UNPRIVILEGED] : []),
    ...["env", "-i", "PATH=/usr/bin:/bin", `HOME=${folder}`, "TMPDIR=/dev/shm"],
    ...["linux.uml", "mem=1G", `initrd=${join(folder, "initramfs")}`],
    ...Object.entries(disks).map(([name, path]) => `${name}=${path}`),
    ...Object.entries(layers).map(([name, path]) => `${name}r=${path}`),
    ...[`umid=${basename(folder)}`, `uml_dir=${folder}/`, "quiet", "loglevel=4", "panic=-1"],
    ...["con=null", `con0=${asked.typed === undefined ? "null" : "fd:0"},fd:2`, "con1=null,fd:1"],
    ...(asked.port === undefined ? [] : ["eth0=slirp,,/usr/bin/slirp-fullbolt"]),
    ...words,
    ...(asked.image === undefined ? [rootOf(disks, layers)] : OWN_ROOT),
  ];
}

const rootOf = ({ ubdb }: Disks["disks"], layers: Disks["layers"]): string =>
  ubdb === undefined ? `KW_LAYERS=${Object.keys(layers).join(":")}` : "KW_ROOT=/dev/ubdb";

/** Of a machine that boots by an image of its own. */
const OWN_ROOT = ["root=/dev/mapper/root", "init=/root-init", "ip=10.0.2.15:::255.255.255.0::eth0:none"];

/** In a process namespace of its own: its helpers go when it does. */
const NAMESPACE = ["unshare", "--pid", "--fork", "--kill-child"];
const UNPRIVILEGED = [
  ...["setpriv", `--reuid=${NOBODY}`, `--regid=${NOBODY}`, "--clear-groups", "--no-new-privs"],
  ...["--pdeathsig", "KILL"],
];
