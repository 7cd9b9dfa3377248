/** The flags that say how a realm's key is written and where it goes. */
import { KeywardError } from "../../../base/errors.ts";
import { present } from "../../../command/read-flags.ts";
import type { RealmDelivery } from "../../../formats/ledger/ledger.ts";
import { parseInstallPath, parseMode } from "../../../model/grant.ts";
import { printable } from "../../../model/name.ts";
import { keyEncodings } from "../../../model/realm.ts";

/** Of the secret half. */
const formats = keyEncodings.filter((one) => one !== "authorized-keys");

export const formatFlag = {
  type: "string",
  short: "f",
  value: "FORM",
  choices: formats,
  help: `How it is written: ${formats.join(", ")}`,
} as const;

export const deliveryFlags = {
  file: { type: "string", value: "PATH", help: "The file to put it into on this machine" },
  owner: { type: "string", value: "USER", help: "The file's owner" },
  group: { type: "string", value: "GROUP", help: "The file's group" },
  mode: { type: "string", value: "MODE", help: "The file's permission bits (0400)" },
  consumer: { type: "boolean", help: "The program after -- reads the key on its standard input" },
} as const;

export interface DeliveryFlags {
  readonly file?: string;
  readonly owner?: string;
  readonly group?: string;
  readonly mode?: string;
  readonly consumer?: boolean;
}

/**
 * @param before - What a file's other properties are taken from.
 * @returns Absent when no flag and no program says anything of it.
 * @throws KeywardError `usage`
 */
export function deliveryOf(
  flags: DeliveryFlags,
  rest: readonly string[] | undefined,
  before?: RealmDelivery,
): RealmDelivery | undefined {
  const { owner, group, mode, consumer = false } = flags;
  if (rest?.[0]?.startsWith("/") === false)
    throw usage(`program ${printable(rest[0])}: want an absolute path`);
  const of = [flags.file, owner, group, mode].find((one) => one !== undefined);
  if (consumer) {
    if (of !== undefined) throw usage("--consumer goes with no --file, --owner, --group or --mode");
    if (rest === undefined || rest.length === 0)
      throw usage("--consumer: the program is missing", "give it after --");
    return { kind: "consumer", run: rest };
  }
  if (of === undefined && rest === undefined) return undefined;
  const old = before?.kind === "file" ? before : undefined;
  const file = flags.file ?? old?.path;
  if (file === undefined && of !== undefined) throw usage("--owner, --group and --mode go with --file");
  if (file === undefined) throw usage("a program goes with --file or --consumer");
  const path = parseInstallPath(file);
  if (!path.startsWith("/")) throw usage(`path ${printable(file)}: want an absolute one`);
  return present({
    kind: "file" as const,
    path,
    owner: owner ?? old?.owner,
    group: group ?? old?.group,
    mode: mode === undefined ? (old?.mode ?? 0o400) : parseMode(mode),
    run: rest ?? old?.run,
  });
}

function usage(message: string, hint?: string): KeywardError {
  return new KeywardError("usage", message, hint === undefined ? {} : { hint });
}
