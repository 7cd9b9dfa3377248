/**
 * UML: User Mode Linux, a real kernel as a process of an unprivileged user: device-mapper, LVM, file systems and
 * reboots in a second or two, without firmware. It sees nothing of this machine but its own disk.
 */
import { chownSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { type Boot, type Machine, wordsOf, writeInitramfs } from "./machine.ts";
import { watch } from "./watch.ts";

const DISK_BYTES = 256 * 1024 * 1024;
const DEADLINE_MS = 120_000;

/** Where slirp has this machine's loopback, all of it; without a route to anywhere else the guest reaches no more. */
const LOOPBACK = "10.0.2.2";

/** "nobody": a guest that breaks out finds no rights. */
const NOBODY = 65_534;

export function createUmlMachine(): Machine & { readonly disk: string } {
  const folder = mkdtempSync(join(tmpdir(), "keyward-uml-"));
  const at = (name: string): string => join(folder, name);
  writeFileSync(at("disk.img"), "");
  truncateSync(at("disk.img"), DISK_BYTES);
  if (process.getuid?.() === 0) for (const path of [folder, at("disk.img")]) chownSync(path, NOBODY, NOBODY);
  return {
    disk: at("disk.img"),
    async boot(asked) {
      writeInitramfs(at("initramfs"), asked);
      const seen = await watch(argv(folder, asked), DEADLINE_MS, asked.cut ?? null);
      return { ...seen, console: "" };
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

function argv(folder: string, asked: Boot): string[] {
  return [
    ...(process.getuid?.() === 0 ? [...NAMESPACE, ...UNPRIVILEGED] : []),
    ...["env", "-i", "PATH=/usr/bin:/bin", `HOME=${folder}`, "TMPDIR=/dev/shm"],
    ...["linux.uml", "mem=1G", `initrd=${join(folder, "initramfs")}`, `ubda=${join(folder, "disk.img")}`],
    ...[`umid=${basename(folder)}`, `uml_dir=${folder}/`, "quiet", "loglevel=4", "panic=-1"],
    ...["con=null", "con0=null,fd:2", "con1=null,fd:1"],
    ...(asked.port === undefined ? [] : ["eth0=slirp,,/usr/bin/slirp-fullbolt"]),
    ...wordsOf(asked, {
      report: "/dev/tty1",
      disk: "/dev/ubda",
      server: { address: LOOPBACK, port: asked.port ?? 0 },
    }),
  ];
}

/** In a process namespace of its own: its helpers go when it does. */
const NAMESPACE = ["unshare", "--pid", "--fork", "--kill-child"];
const UNPRIVILEGED = [
  ...["setpriv", `--reuid=${NOBODY}`, `--regid=${NOBODY}`, "--clear-groups", "--no-new-privs"],
  ...["--pdeathsig", "KILL"],
];
