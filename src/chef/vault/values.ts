/** The values of a vault's item, as a command is given them: never as a word, which everybody on a machine can see. */
import path from "node:path";
import { fromUtf8 } from "../../base/bytes.ts";
import { KeywardError } from "../../base/errors.ts";
import type { ExactJson } from "../../base/exact-json.ts";
import type { Flags } from "../../command/command.ts";
import { readBytes } from "../../command/read-file.ts";
import type { Session } from "../../command/session.ts";
import { PlainItem } from "../../formats/databag/databag.ts";
import type { DataBagItemId } from "../../model/data-bag.ts";
import { printable } from "../../model/name.ts";
import { inEditor } from "../data-bag/editor.ts";
import { MAX_ITEM_FILE } from "../data-bag/repository.ts";
import { readItemText } from "../data-bag/shown.ts";

export const valueFlags = {
  json: {
    type: "string",
    short: "J",
    value: "FILE",
    help: "The values as a JSON object; - reads standard input",
  },
  file: {
    type: "string",
    value: "FILE",
    help: "A text file, kept as file-content, and its name as file-name",
  },
} as const satisfies Flags;

export interface ValueWords {
  readonly json?: string;
  readonly file?: string;
}

/** For a word too many: knife takes values there. */
export const notAsWord =
  "values are not given as a word, which everybody on this machine can see: give a file with -J, or - for standard input";

/** @returns `null` when none are given. @throws KeywardError `local`, `malformed`, `too-large`, `usage` */
export async function givenValues(
  session: Pick<Session, "world">,
  { json, file }: ValueWords,
  name: DataBagItemId,
): Promise<ReadonlyMap<string, ExactJson> | null> {
  if (json === undefined && file === undefined) return null;
  const values = new Map<string, ExactJson>();
  if (json !== undefined)
    for (const [member, value] of valuesIn(
      PlainItem.parse(await readItemText(session, json), "values"),
      name,
    ))
      values.set(member, value);
  if (file !== undefined) {
    const at = path.resolve(session.world.cwd, file);
    values.set("file-name", path.basename(at));
    values.set("file-content", fromUtf8(readBytes(at, "file", MAX_ITEM_FILE), printable(file)));
  }
  return values;
}

/** Typed in an editor, or given on standard input when nobody is at the terminal. */
export async function askedValues(
  session: Pick<Session, "world">,
  name: DataBagItemId,
): Promise<ReadonlyMap<string, ExactJson>> {
  if (session.world.stdin.isTTY !== true)
    return valuesIn(PlainItem.parse(await readItemText(session, "-"), "values"), name);
  const edited = await inEditor(session, new PlainItem(new Map()), name, null);
  return edited === null ? new Map() : valuesIn(edited, name);
}

export function withId(name: DataBagItemId, values: ReadonlyMap<string, ExactJson>): PlainItem {
  return new PlainItem(new Map<string, ExactJson>([["id", name], ...values]));
}

/** Without the id, which must be the item's own. */
function valuesIn(item: PlainItem, name: DataBagItemId): Map<string, ExactJson> {
  const members = new Map(item.members());
  const id = members.get("id");
  members.delete("id");
  if (id === undefined || id === name) return members;
  throw new KeywardError("usage", `the values have another id than ${printable(name)}`);
}
