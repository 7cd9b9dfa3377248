/** How a key is put on a node, parsed at the door. */
import { KeywardError } from "../base/errors.ts";
import type { DurationMs } from "../base/time.ts";
import { type DeliveryMethod, type FileDelivery, parseInstallPath } from "../model/grant.ts";
import { printable } from "../model/name.ts";
import { parseUnlock, type UnlockInput } from "./unlock-method.ts";

/** As it comes in: types checked, contents not. */
export type DeliveryInput = FileInput | UnlockInput;

export interface FileInput {
  readonly kind: "file";
  readonly path: string;
  readonly owner?: string;
  readonly group?: string;
  readonly mode: number;
  readonly run?: readonly string[];
  readonly offline: "never" | number;
}

const MAX_ARGUMENTS = 64;
const MAX_ARGUMENT_LENGTH = 4096;

/** @throws KeywardError `usage` */
export function parseDelivery(input: DeliveryInput): DeliveryMethod {
  return input.kind === "file" ? parseFile(input) : parseUnlock(input);
}

function parseFile(input: FileInput): FileDelivery {
  return {
    kind: "file",
    path: parseInstallPath(input.path),
    ...(input.owner === undefined ? {} : { owner: parseAccount("owner", input.owner) }),
    ...(input.group === undefined ? {} : { group: parseAccount("group", input.group) }),
    mode: assertMode(input.mode),
    ...(input.run === undefined ? {} : { run: assertArguments(input.run) }),
    offline: input.offline === "never" ? "never" : assertOffline(input.offline),
  };
}

/** A user's or group's name, or a number. */
function parseAccount(what: string, text: string): string {
  if (/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,62}\$?$/.test(text)) return text;
  throw new KeywardError("usage", `${what} ${printable(text)}: want a name or a number, as postgres or 999`);
}

function assertMode(mode: number): number {
  if (Number.isInteger(mode) && mode >= 0 && mode <= 0o777) return mode;
  throw new KeywardError("usage", "mode: want permission bits from 0000 to 0777");
}

function assertArguments(run: readonly string[]): readonly string[] {
  const bad = run.some((one) => one.includes("\0") || one.length > MAX_ARGUMENT_LENGTH);
  if (run.length > 0 && run.length <= MAX_ARGUMENTS && run[0] !== "" && !bad) return [...run];
  throw new KeywardError("usage", `run: want a program and its arguments, ${MAX_ARGUMENTS} at most`);
}

function assertOffline(offline: number): DurationMs {
  if (Number.isSafeInteger(offline) && offline >= 0) return offline as DurationMs;
  throw new KeywardError("usage", "offline: want never or a duration in milliseconds");
}
