/** How an item is shown: as JSON, and plain text on a terminal only when that was asked for. */
import path from "node:path";
import { fromUtf8, utf8 } from "../../base/bytes.ts";
import { formatExactJsonLines } from "../../base/exact-json-text.ts";
import type { Flags } from "../../command/command.ts";
import { readSecret } from "../../command/read-secret.ts";
import type { Session } from "../../command/session.ts";
import { writeNew } from "../../command/write-file.ts";
import { formsOf, isEncrypted, type PlainItem, type StoredItem } from "../../formats/databag/databag.ts";
import { MAX_ITEM_FILE } from "./repository.ts";

export const revealFlag = {
  reveal: { type: "boolean", help: "Show the values on a terminal too" },
} as const satisfies Flags;

/** Text of an item's file; `-`: standard input. @throws KeywardError `local`, `too-large`, `malformed` */
export async function readItemText({ world }: Pick<Session, "world">, file: string): Promise<string> {
  using content = await readSecret(world, file, { what: "item", limit: MAX_ITEM_FILE, chomp: false });
  return fromUtf8(content.reveal(), "item");
}

export function showPlain(
  { out, world }: Pick<Session, "out" | "world">,
  item: PlainItem,
  reveal: boolean,
): void {
  if (world.stdout.isTTY === true && !reveal) {
    out.show(
      { item: item.toString() },
      { blocks: [{ kind: "lines", lines: [item.toString()] }], names: [item.id ?? ""] },
    );
    out.note("shown with --reveal, or in a pipe");
    return;
  }
  using text = item.toJson("lines");
  out.bytes(text.reveal());
}

export function showStored({ out }: Pick<Session, "out">, item: StoredItem): void {
  out.bytes(utf8(formatExactJsonLines(item)));
}

/** To a new file. @throws KeywardError `conflict`, `local` */
export function saveItem(
  { out, world }: Pick<Session, "out" | "world">,
  file: string,
  bytes: Uint8Array,
  mode: number,
): void {
  writeNew(path.resolve(world.cwd, file), "file", bytes, mode);
  out.show({ file }, { blocks: [{ kind: "lines", lines: [`wrote ${file}`] }], names: [file] });
}

/** Text that looks like a value of version 0 may be anything: it counts when all of them look so. */
export function hasEncrypted(item: StoredItem): boolean {
  const forms = [...formsOf(item)].filter(([name]) => item.get(name) !== null).map(([, form]) => form);
  const surely = isEncrypted(item) || forms.some((form) => form !== "plain" && form !== 0);
  return surely || (forms.length > 0 && forms.every((form) => form === 0));
}
