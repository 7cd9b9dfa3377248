/** Unlock flags: a volume that a key opens, as `grant add` takes it, and as a row of `grant list` says it. */
import path from "node:path";
import type { BodyOf } from "../api/shapes.ts";
import { toBase64 } from "../base/bytes.ts";
import { KeywardError } from "../base/errors.ts";
import { parseDuration } from "../base/time.ts";
import type { Typed } from "../command/command.ts";
import { readBytes } from "../command/read-file.ts";
import { present, required } from "../command/read-flags.ts";
import { duration } from "../command/view.ts";
import { x25519ToSpki } from "../crypto/agree.ts";
import { parseRecipientPublicKey } from "../formats/hpke/keys.ts";
import { parseDailyWindow } from "../model/daily-window.ts";
import { printable } from "../model/name.ts";
import { parseNetwork } from "../model/network.ts";
import {
  fileSystems,
  parseDevicePath,
  parseEscrow,
  parseHolderName,
  parseLogicalVolume,
  parseMountOption,
  parseMountPoint,
  parseUnitName,
  parseVolumeName,
} from "../model/volume.ts";

type UnlockDelivery = Extract<BodyOf<"grant.add">["delivery"], { kind: "unlock" }>;

export const unlockFlags = {
  unlock: { type: "string", value: "KIND", choices: ["luks"], help: "The key opens a volume of this kind" },
  device: {
    type: "string",
    value: "PATH",
    help: "The volume's device, by a name that stays: /dev/disk/by-id/…",
  },
  name: { type: "string", value: "NAME", help: "What it opens as, below /dev/mapper" },
  "lvm-beneath": {
    type: "string",
    value: "GROUP/VOLUME",
    help: "The encrypted device is this logical volume on the device",
  },
  "lvm-above": {
    type: "string",
    value: "GROUP/VOLUME",
    help: "The file system is on this logical volume on the opened one",
  },
  mount: {
    type: "string",
    value: "DIR",
    help: "Where it is mounted; /: the system lies on it, see keyward disk initramfs",
  },
  fstype: { type: "string", value: "KIND", choices: fileSystems, help: "The file system (ext4)" },
  "mount-option": {
    type: "string",
    multiple: true,
    value: "OPTION",
    help: "An option for mount, as noatime",
  },
  start: {
    type: "string",
    multiple: true,
    value: "UNIT",
    help: "A unit to start on it, and to stop before it closes",
  },
  "create-if-blank": { type: "boolean", help: "Make the volume when the device holds nothing of any kind" },
  "at-loss": {
    type: "string",
    value: "WHAT",
    choices: ["close", "suspend"],
    help: "When the node may have it no more: stop its units, unmount and close it; or suspend it (close)",
  },
  "at-freeze": {
    type: "string",
    value: "WHAT",
    choices: ["keep", "close", "suspend"],
    help: "When the node is frozen (keep)",
  },
  escrow: {
    type: "string",
    value: "THRESHOLD/SHARES",
    help: "It is to have a recovery key of so many shares: see keyward disk escrow",
  },
  holder: {
    type: "string",
    multiple: true,
    value: "[NAME=]FILE",
    help: "Who holds a share: a public key of keyward genkeys --kind holder; the node makes and seals them",
  },
  "allow-from": { type: "string", multiple: true, value: "CIDR", help: "Only when the node asks from there" },
  between: { type: "string", value: "TIME-TIME", help: "Only in this part of the day, UTC, as 22:00-06:00" },
  "max-opens": { type: "string", value: "COUNT/day", help: "So often within 24 hours, as 5/day" },
  approve: { type: "string", value: "COUNT", help: "So many operators say yes each time" },
} as const;

type Flags = Typed<typeof unlockFlags>["flags"];

/** @throws KeywardError `usage` for a volume's flag without `--unlock`. */
export function isUnlock(flags: Flags): boolean {
  if (flags.unlock !== undefined) return true;
  const stray = Object.keys(unlockFlags).find((name) => flags[name as keyof Flags] !== undefined);
  if (stray === undefined) return false;
  throw new KeywardError("usage", `--${stray} is for volumes`, { hint: "add: --unlock luks" });
}

/**
 * @param offline - As a file's: `never`, or a duration.
 * @param ofFile - What is said of a file, of which there is none.
 * @throws KeywardError `usage`
 */
export function unlockOf(
  flags: Flags,
  offline: string | undefined,
  ofFile: Readonly<Record<string, unknown>>,
  cwd: string,
): UnlockDelivery {
  const stray = Object.keys(ofFile).find((name) => ofFile[name] !== undefined);
  if (stray !== undefined)
    throw new KeywardError("usage", `--${stray} is for files, and a volume's key lies in none`);
  return present({
    kind: "unlock" as const,
    type: "luks" as const,
    name: parseVolumeName(required(flags.name, "name")),
    device: parseDevicePath(required(flags.device, "device")),
    beneath: flags["lvm-beneath"] === undefined ? undefined : parseLogicalVolume(flags["lvm-beneath"]),
    above: flags["lvm-above"] === undefined ? undefined : parseLogicalVolume(flags["lvm-above"]),
    mount: mountOf(flags),
    start: (flags.start ?? []).map(parseUnitName),
    createIfBlank: flags["create-if-blank"] === true ? (true as const) : undefined,
    atLoss: flags["at-loss"] ?? "close",
    atFreeze: atFreezeOf(flags["at-freeze"]),
    offline: offline === undefined || offline === "never" ? undefined : parseDuration(offline),
    escrow: escrowOf(flags, cwd),
    conditions: present({
      allowFrom: flags["allow-from"]?.map(parseNetwork),
      between: flags.between === undefined ? undefined : parseDailyWindow(flags.between),
      maxOpens: flags["max-opens"] === undefined ? undefined : perDay(flags["max-opens"]),
      approvals: flags.approve === undefined ? undefined : approvalsOf(flags.approve),
    }),
  });
}

/** @throws KeywardError `usage`, `local`, `malformed` */
function escrowOf({ escrow, holder }: Flags, cwd: string): UnlockDelivery["escrow"] {
  if (escrow !== undefined) {
    const { threshold, shares } = parseEscrow(escrow);
    return present({ threshold, shares, holders: holder?.map((text) => holderOf(text, cwd)) });
  }
  if (holder === undefined) return undefined;
  const most = Math.max(2, holder.length);
  throw new KeywardError("usage", "holders are named, and not how many of them give the recovery key", {
    hint: `add: --escrow ${Math.ceil((most + 1) / 2)}/${most}`,
  });
}

/** `alice.pub`, `alice-public-key.pem` or `alice=FILE`. */
function holderOf(text: string, cwd: string): { name: string; key: string } {
  const [, named, rest] = /^([^/=]+)=(.+)$/s.exec(text) ?? [];
  const file = rest ?? text;
  const name = parseHolderName(named ?? path.basename(file).replace(/(?:[.-]public-key)?\.(?:pem|pub)$/, ""));
  const bytes = readBytes(path.resolve(cwd, file), "holder's public key", 8192);
  const key = parseRecipientPublicKey(
    Buffer.from(bytes).toString("latin1"),
    `holder's public key ${JSON.stringify(file)}`,
  );
  return { name, key: toBase64(x25519ToSpki(key)) };
}

function atFreezeOf(text: Flags["at-freeze"]): UnlockDelivery["atFreeze"] {
  return text === "close" || text === "suspend" ? text : undefined;
}

function mountOf(flags: Flags): UnlockDelivery["mount"] {
  const options = (flags["mount-option"] ?? []).map(parseMountOption);
  if (flags.mount !== undefined)
    return { point: parseMountPoint(flags.mount), fstype: flags.fstype ?? "ext4", options };
  if (flags.fstype === undefined && options.length === 0) return undefined;
  throw new KeywardError("usage", "a file system is named, and no place to mount it", {
    hint: "add: --mount /srv/data",
  });
}

function perDay(text: string): number {
  const [, count] = /^([1-9][0-9]{0,3})\/day$/.exec(text) ?? [];
  if (count !== undefined && Number(count) <= 1000) return Number(count);
  throw new KeywardError("usage", `--max-opens ${printable(text)}: want 1/day to 1000/day`);
}

function approvalsOf(text: string): number {
  if (/^[1-5]$/.test(text)) return Number(text);
  throw new KeywardError("usage", `--approve ${printable(text)}: want 1 to 5`);
}

/** PATH, OWNER, MODE, OFFLINE and RUN of a row whose delivery is a volume. */
export function unlockCells({ name, device, mount, start, offline }: UnlockDelivery): string[] {
  const to = mount === undefined ? "" : ` on ${mount.point}`;
  const whole = offline === undefined ? "never" : duration(offline);
  return [`${device} as ${name}${to}`, "", "", whole, start.map((unit) => `start ${unit}`).join(" ")];
}
