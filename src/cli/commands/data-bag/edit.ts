/** `keyward data-bag edit`: an item in an editor, on a file in memory. */
import { KeywardError } from "../../../base/errors.ts";
import { formatExactJsonLines } from "../../../base/exact-json-text.ts";
import { inEditor } from "../../../chef/data-bag/editor.ts";
import { type BagPlace, placeFlags, withPlace } from "../../../chef/data-bag/place.ts";
import { readDataBagSecret, secretFlag } from "../../../chef/data-bag/secret-flag.ts";
import { hasEncrypted } from "../../../chef/data-bag/shown.ts";
import { act } from "../../../command/command.ts";
import type { Session } from "../../../command/session.ts";
import {
  type DataBagSecret,
  decryptDataBagItem,
  encryptDataBagItem,
  PlainItem,
  type StoredItem,
} from "../../../formats/databag/databag.ts";
import {
  type DataBagItemId,
  type DataBagName,
  parseDataBagItemId,
  parseDataBagName,
} from "../../../model/data-bag.ts";
import { versionFlag, versionOf } from "./convert.ts";

export const edit = act({
  summary: "Edit an item in $VISUAL or $EDITOR; encrypted ones are encrypted again",
  words: ["BAG", "ITEM"],
  flags: { ...secretFlag, ...versionFlag, ...placeFlags },
  calls: [],
  changes: true,
  examples: ["keyward data-bag edit keymaster service123-production --secret-file secret"],
  notes: [
    "The editor works on a file in memory that only its owner may read and that is gone afterwards. What it leaves is taken only when it is an item with the same id; values that were not changed keep their bytes. Before it is written the item is read again: when somebody else has changed it meanwhile, theirs stays and the command ends with 6. Chef has no conditional write, so that a change within the same instant cannot be seen.",
  ],
  async run(session, { words: [bag = "", item = ""], flags }) {
    const name = parseDataBagName(bag);
    const id = parseDataBagItemId(item);
    await withPlace(session, flags, (place) => editItem(session, place, name, id, flags));
  },
});

async function editItem(
  session: Session<never>,
  place: BagPlace,
  name: DataBagName,
  id: DataBagItemId,
  flags: { readonly "secret-file"?: string; readonly version?: "0" | "1" | "2" | "3" },
): Promise<void> {
  const stored = await place.read(name, id);
  const encrypted = hasEncrypted(stored);
  if (!encrypted && flags["secret-file"] !== undefined)
    throw new KeywardError("usage", "the item is not encrypted", {
      hint: "keyward data-bag from-file encrypts it; without --secret-file it is edited in plain",
    });
  using secret = encrypted ? readDataBagSecret(session, flags["secret-file"]) : null;
  const plain = secret === null ? new PlainItem(stored) : await decryptDataBagItem(stored, secret);
  const edited = await inEditor(session, plain, id);
  if (edited === null) return said(session, "unchanged", `${name}/${id}`);
  const next =
    secret === null ? edited.members() : resealed(stored, plain, edited, secret, versionOf(flags.version, 3));
  if (!session.dryRun) await place.replace(name, id, next, stored);
  said(session, session.dryRun ? "dry run, changed" : "changed", `${name}/${id}`);
}

/** A value that is the same keeps its bytes, so that a change shows as one. */
function resealed(
  stored: StoredItem,
  before: PlainItem,
  after: PlainItem,
  secret: DataBagSecret,
  version: 0 | 1 | 2 | 3,
): StoredItem {
  const next = new Map(encryptDataBagItem(after, secret, { version }));
  for (const [name, value] of after.members()) {
    const was = before.get(name);
    const kept = stored.get(name);
    if (was === undefined || kept === undefined) continue;
    if (formatExactJsonLines(was) === formatExactJsonLines(value)) next.set(name, kept);
  }
  return next;
}

function said({ out }: Session<never>, done: string, name: string): void {
  out.show(
    { name, done },
    { blocks: [{ kind: "lines", lines: [`${done}: data bag item ${name}`] }], names: [name] },
  );
}
