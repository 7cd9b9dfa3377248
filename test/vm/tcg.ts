/**
 * TCG: a whole machine emulated by QEMU: OVMF's UEFI firmware, Debian's cloud kernel, efivarfs over a store of
 * variables that outlives a reboot, and a disk. Never with KVM: `/dev/kvm` may be there and be of no use.
 */
import { randomUUID } from "node:crypto";
import { copyFileSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { initramfs } from "./initramfs.ts";
import { cloudKernel } from "./kernel.ts";
import { type Boot, type Machine, wordsOf, writeInitramfs } from "./machine.ts";
import { watch } from "./watch.ts";

const FIRMWARE = "/usr/share/OVMF/OVMF_CODE_4M.fd";
const VARIABLES = "/usr/share/OVMF/OVMF_VARS_4M.fd";
const DISK_BYTES = 256 * 1024 * 1024;
const SERVER = { address: "10.0.2.100", port: 8443 };
const DEADLINE_MS = 240_000;

export interface TcgOptions {
  readonly firmware?: "uefi" | "bios";
  /** A copy of this disk, instead of an empty one. */
  readonly disk?: string;
  /** A copy of these variables, instead of none of ours. */
  readonly variables?: string;
}

export interface TcgMachine extends Machine {
  /** Their files. */
  readonly disk: string;
  readonly variables: string;
}

/** A new machine: its SMBIOS number is its own. */
export function createTcgMachine(options: TcgOptions = {}): TcgMachine {
  const { firmware = "uefi", variables = VARIABLES } = options;
  const folder = mkdtempSync(join(tmpdir(), "keyward-tcg-"));
  const at = (name: string): string => join(folder, name);
  const uuid = randomUUID();
  copyFileSync(variables, at("variables.fd"));
  writeFileSync(at("disk.img"), "");
  truncateSync(at("disk.img"), DISK_BYTES);
  if (options.disk !== undefined) copyFileSync(options.disk, at("disk.img"));
  return {
    disk: at("disk.img"),
    variables: at("variables.fd"),
    async boot(asked) {
      writeInitramfs(at("initramfs"), initramfs, asked.files);
      const seen = await watch(
        argv(folder, [...(firmware === "uefi" ? flash(at("variables.fd")) : []), "-uuid", uuid], asked),
        DEADLINE_MS,
        asked.cut ?? null,
      );
      return { ...seen, console: readFileSync(at("console.log"), "latin1") };
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

function argv(folder: string, hardware: readonly string[], asked: Boot): string[] {
  const append = [
    "console=ttyS0 quiet loglevel=4 panic=-1",
    ...wordsOf(asked, { report: "/dev/ttyS1", disk: "/dev/vda", server: SERVER }),
  ];
  return [
    "qemu-system-x86_64",
    ..."-accel tcg -M q35 -cpu max -smp 1 -m 2048".split(" "),
    ..."-nodefaults -display none -no-reboot".split(" "),
    ...network(asked.port),
    ...hardware,
    ...["-drive", `if=virtio,format=raw,cache=unsafe,file=${join(folder, "disk.img")}`],
    ...["-serial", `file:${join(folder, "console.log")}`, "-serial", "stdio"],
    ...["-kernel", cloudKernel().image, "-initrd", join(folder, "initramfs"), "-append", append.join(" ")],
  ];
}

const flash = (variables: string): string[] => [
  ...["-drive", `if=pflash,format=raw,readonly=on,file=${FIRMWARE}`],
  ...["-drive", `if=pflash,format=raw,cache=unsafe,file=${variables}`],
];

/** `guestfwd` to a program, one for each connection: to an address it would serve a single one. */
function network(port: number | undefined): string[] {
  if (port === undefined) return ["-nic", "none"];
  const forward = `guestfwd=tcp:${SERVER.address}:${SERVER.port}-cmd:socat - TCP:127.0.0.1:${port}`;
  return ["-nic", `user,restrict=on,model=virtio-net-pci,${forward}`, "-global", "virtio-net-pci.romfile="];
}
