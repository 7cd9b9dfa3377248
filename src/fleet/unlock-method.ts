/** How a volume is unlocked, parsed at the door. */
import { KeywardError } from "../base/errors.ts";
import type { DurationMs } from "../base/time.ts";
import { parseDailyWindow } from "../model/daily-window.ts";
import { parseNetwork } from "../model/network.ts";
import {
  type AtLoss,
  atLosses,
  type Escrow,
  type FileSystem,
  fileSystems,
  isStable,
  type LogicalVolume,
  type Mount,
  parseDevicePath,
  parseLogicalVolume,
  parseMountOption,
  parseMountPoint,
  parseUnitName,
  parseVolumeName,
  type UnlockConditions,
  type UnlockDelivery,
} from "../model/volume.ts";
import { parseEscrowInput } from "./holders.ts";

/** As it comes in: types checked, contents not. */
export interface UnlockInput {
  readonly kind: "unlock";
  readonly type: "luks";
  readonly name: string;
  readonly device: string;
  readonly beneath?: LogicalVolume;
  readonly above?: LogicalVolume;
  readonly mount?: { readonly point: string; readonly fstype: string; readonly options: readonly string[] };
  readonly start: readonly string[];
  readonly createIfBlank?: true;
  readonly atLoss: string;
  readonly atFreeze?: string;
  /** Milliseconds. */
  readonly offline?: number;
  readonly escrow?: Escrow;
  readonly conditions: {
    readonly allowFrom?: readonly string[];
    readonly between?: string;
    readonly maxOpens?: number;
    readonly approvals?: number;
  };
}

const MOST = { start: 16, options: 32, allowFrom: 64, maxOpens: 1000, approvals: 5 };

/** @throws KeywardError `usage` */
export function parseUnlock(input: UnlockInput): UnlockDelivery {
  const { beneath, above, mount, createIfBlank, atFreeze, offline, escrow } = input;
  const device = parseDevicePath(input.device);
  if (createIfBlank === true && !isStable(device))
    throw new KeywardError("usage", `device ${device}: a volume is only made on a device whose name stays`, {
      hint: "take its name below /dev/disk/by-id, by-partuuid or by-path",
    });
  return {
    kind: "unlock",
    type: input.type,
    name: parseVolumeName(input.name),
    device,
    ...(beneath === undefined ? {} : { beneath: volumeOf(beneath) }),
    ...(above === undefined ? {} : { above: volumeOf(above) }),
    ...(mount === undefined ? {} : { mount: mountOf(mount) }),
    start: atMost("start", input.start).map(parseUnitName),
    ...(createIfBlank === true ? { createIfBlank } : {}),
    atLoss: oneOf<AtLoss>("at loss", input.atLoss, atLosses),
    ...(atFreeze === undefined ? {} : { atFreeze: oneOf<AtLoss>("at freeze", atFreeze, atLosses) }),
    ...(offline === undefined ? {} : { offline: offlineOf(offline, input.conditions) }),
    ...(escrow === undefined ? {} : { escrow: parseEscrowInput(escrow) }),
    conditions: conditionsOf(input.conditions),
  };
}

/** A node that opens it by itself asks nobody whether the conditions hold. */
function offlineOf(offline: number, conditions: UnlockInput["conditions"]): DurationMs {
  if (!Number.isSafeInteger(offline) || offline < 1)
    throw new KeywardError("usage", "offline: want a duration in milliseconds");
  const [condition] = Object.entries(conditions).filter(([, value]) => value !== undefined);
  if (condition === undefined) return offline as DurationMs;
  throw new KeywardError("usage", `offline: the server alone sees to ${condition[0]}`, {
    hint: "leave out the condition, or --offline",
  });
}

function volumeOf({ group, volume }: LogicalVolume): LogicalVolume {
  return parseLogicalVolume(`${group}/${volume}`);
}

function mountOf({ point, fstype, options }: NonNullable<UnlockInput["mount"]>): Mount {
  return {
    point: parseMountPoint(point),
    fstype: oneOf<FileSystem>("file system", fstype, fileSystems),
    options: atMost("options", options).map(parseMountOption),
  };
}

function conditionsOf(input: UnlockInput["conditions"]): UnlockConditions {
  const { allowFrom, between, maxOpens, approvals } = input;
  return {
    ...(allowFrom === undefined
      ? {}
      : { allowFrom: someOf(atMost("allowFrom", allowFrom)).map(parseNetwork) }),
    ...(between === undefined ? {} : { between: parseDailyWindow(between) }),
    ...(maxOpens === undefined ? {} : { maxOpens: count("maxOpens", maxOpens) }),
    ...(approvals === undefined ? {} : { approvals: count("approvals", approvals) }),
  };
}

function atMost(what: "start" | "options" | "allowFrom", list: readonly string[]): readonly string[] {
  if (list.length <= MOST[what]) return list;
  throw new KeywardError("usage", `${what}: ${MOST[what]} at most`);
}

function someOf(networks: readonly string[]): readonly string[] {
  if (networks.length > 0) return networks;
  throw new KeywardError("usage", "allowFrom: nothing would be allowed", {
    hint: "leave it out for anywhere",
  });
}

function count(what: "maxOpens" | "approvals", number: number): number {
  if (Number.isInteger(number) && number >= 1 && number <= MOST[what]) return number;
  throw new KeywardError("usage", `${what}: want 1 to ${MOST[what]}`);
}

function oneOf<T extends string>(what: string, text: string, known: readonly T[]): T {
  const found = known.find((one) => one === text);
  if (found !== undefined) return found;
  throw new KeywardError("usage", `${what}: want one of ${known.join(", ")}`);
}
