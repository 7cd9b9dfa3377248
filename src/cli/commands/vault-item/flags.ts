/** Flags of vault-item's acts, as knife's are called. */

import type { Changed, ChangeNeeds } from "../../../chef/vault/changing.ts";
import type { Desk } from "../../../chef/vault/desk.ts";
import type { VaultAt } from "../../../chef/vault/vault.ts";
import type { Flags } from "../../../command/command.ts";
import type { Session } from "../../../command/session.ts";
import {
  type DataBagItemId,
  type DataBagName,
  parseDataBagItemId,
  parseDataBagName,
} from "../../../model/data-bag.ts";
import { versionOf } from "../data-bag/convert.ts";

export const readerFlags = {
  search: { type: "string", short: "S", value: "QUERY", help: "Clients of the nodes that this search finds" },
  clients: { type: "string", short: "C", value: "NAMES", help: "Clients by name, with commas between them" },
  admins: {
    type: "string",
    short: "A",
    value: "NAMES",
    help: "Users or clients who may change it, as clients",
  },
} as const satisfies Flags;

export const keysModeFlag = {
  "keys-mode": {
    type: "string",
    short: "K",
    value: "MODE",
    choices: ["default", "sparse"],
    help: "Keys in one item, or an item a reader (default)",
  },
} as const satisfies Flags;

export const cleanUnknownFlag = {
  "clean-unknown-clients": {
    type: "boolean",
    help: "Take clients away that the stored search does not find any more",
  },
} as const satisfies Flags;

export interface Named {
  readonly bag: DataBagName;
  readonly name: DataBagItemId;
}

/** @throws KeywardError `usage` */
export function named(vault = "", item = ""): Named {
  return { bag: parseDataBagName(vault), name: parseDataBagItemId(item) };
}

export function needsOf(
  session: Session<never>,
  desk: Desk,
  version: "0" | "1" | "2" | "3" | undefined,
): ChangeNeeds {
  return {
    reader: desk.reader(),
    directory: desk.directory,
    version: versionOf(version, 3),
    dryRun: session.dryRun,
    note: (line) => session.out.note(line),
  };
}

export function told(
  { out, dryRun }: Session<never>,
  { bag, name }: Pick<VaultAt, "bag" | "name">,
  { gained, lost, rotated, values }: Changed,
  did = "changed",
): void {
  const nothing = gained.length === 0 && lost.length === 0 && !rotated && !values;
  const what = [values ? "values" : "", rotated ? "a new secret" : ""].filter((one) => one !== "").join(", ");
  const done = nothing ? "as it was" : dryRun ? `would be ${did}` : did;
  const head = `vault item ${bag}/${name}: ${done}${what === "" ? "" : `: ${what}`}`;
  out.show(
    { vault: bag, item: name, gained, lost, rotated, values, dryRun },
    {
      blocks: [
        {
          kind: "lines",
          lines: [head, ...gained.map((reader) => `+ ${reader}`), ...lost.map((reader) => `- ${reader}`)],
        },
      ],
      names: [name],
    },
  );
}
