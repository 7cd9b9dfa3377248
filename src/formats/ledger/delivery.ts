/** Where a machine without a server puts a derived key: into a file, or to a program's standard input. */
import type { Json } from "../../base/json.ts";
import type { MemberReader } from "../../base/json-members.ts";
import { formatMode, type InstallPath, parseInstallPath, parseMode } from "../../model/grant.ts";

export type RealmDelivery =
  | {
      readonly kind: "file";
      /** Absolute. */
      readonly path: InstallPath;
      /** A user's name or number; absent: the user who derives. */
      readonly owner?: string;
      readonly group?: string;
      /** Permission bits. */
      readonly mode: number;
      /** Run after the file changed: a program, absolute, and its arguments. */
      readonly run?: readonly string[];
    }
  /** A program, absolute, and its arguments: it reads the key on its standard input. */
  | { readonly kind: "consumer"; readonly run: readonly string[] };

const MAX_WORDS = 64;
const MAX_WORD_BYTES = 4096;

/** Members for `canonicalJson`; the mode is octal, as people write it. */
export function deliveryMembers(delivery: RealmDelivery): { readonly [name: string]: unknown } {
  return delivery.kind === "file" ? { ...delivery, mode: formatMode(delivery.mode) } : delivery;
}

/** @throws KeywardError `usage` for a path or a mode that is none; what `read` throws. */
export function readDelivery(members: { readonly [name: string]: Json }, read: MemberReader): RealmDelivery {
  const kind = read.oneOf(members.kind, "delivery", ["file", "consumer"]);
  const run = members.run === undefined ? undefined : read.strings(members.run, "run");
  if (run !== undefined && !isProgram(run)) throw read.wrong("run");
  if (kind === "consumer") {
    if (run === undefined) throw read.wrong("run");
    return { kind, run };
  }
  const path = parseInstallPath(read.string(members.path, "path"));
  if (!path.startsWith("/")) throw read.wrong("path");
  return {
    kind,
    path,
    ...(members.owner === undefined ? {} : { owner: account(members.owner, "owner", read) }),
    ...(members.group === undefined ? {} : { group: account(members.group, "group", read) }),
    mode: parseMode(read.string(members.mode, "mode")),
    ...(run === undefined ? {} : { run }),
  };
}

function isProgram(words: readonly string[]): boolean {
  const fits = (word: string): boolean => Buffer.byteLength(word) <= MAX_WORD_BYTES && !word.includes("\0");
  return words.length <= MAX_WORDS && words[0]?.startsWith("/") === true && words.every(fits);
}

function account(value: Json, name: string, read: MemberReader): string {
  const text = read.string(value, name);
  if (!/^[A-Za-z0-9_][A-Za-z0-9._-]{0,62}\$?$/.test(text)) throw read.wrong(name);
  return text;
}
