/** `keyward data-bag list`, `show`: what a chef repository, or a Chef server, holds. */

import { inParallel } from "../../../base/in-parallel.ts";
import { type BagPlace, placeFlags, withPlace } from "../../../chef/data-bag/place.ts";
import { readDataBagSecret, secretFlag } from "../../../chef/data-bag/secret-flag.ts";
import { hasEncrypted, revealFlag, showPlain, showStored } from "../../../chef/data-bag/shown.ts";
import { act } from "../../../command/command.ts";
import type { Session } from "../../../command/session.ts";
import { decryptDataBagItem, formsOf, type StoredItem } from "../../../formats/databag/databag.ts";
import {
  type DataBagItemId,
  type DataBagName,
  parseDataBagItemId,
  parseDataBagName,
} from "../../../model/data-bag.ts";

export const list = act({
  summary: "List the data bags of a chef repository or a Chef server, or the items of one",
  words: ["[BAG]"],
  flags: placeFlags,
  calls: [],
  examples: ["keyward data-bag list", "keyward data-bag list keymaster --repo /srv/chef"],
  async run(session, { words: [bag], flags }) {
    const { out } = session;
    await withPlace(session, flags, async (place) => {
      if (bag === undefined) {
        const bags = await place.bags();
        out.show({ bags }, { blocks: [{ kind: "lines", lines: bags }], names: bags });
        return;
      }
      const items = await looksOf(place, parseDataBagName(bag));
      out.show(
        { items },
        {
          blocks: [
            {
              kind: "table",
              head: ["ITEM", "VALUES", "ENCRYPTED"],
              rows: items.map(({ id, values, encrypted }) => [id, String(values), encrypted]),
            },
          ],
          names: items.map(({ id }) => id),
        },
      );
    });
  },
});

interface Look {
  readonly id: string;
  readonly values: number;
  readonly encrypted: string;
}

async function looksOf(place: BagPlace, bag: DataBagName): Promise<Look[]> {
  return await inParallel(await place.items(bag), 8, async (id) => {
    const item = await place.read(bag, id as DataBagItemId);
    return { id, values: formsOf(item).size, encrypted: encryptionOf(item) };
  });
}

export const show = act({
  summary: "Show a data bag item, decrypted when a secret is given",
  words: ["BAG", "[ITEM]"],
  flags: { ...secretFlag, ...revealFlag, ...placeFlags },
  calls: [],
  examples: [
    "keyward data-bag show keymaster",
    "keyward data-bag show keymaster service123-production --secret-file secret",
  ],
  notes: ["Without ITEM the bag's items are listed."],
  async run(session, { words: [bag = "", id], flags }) {
    const name = parseDataBagName(bag);
    await withPlace(session, flags, async (place) => {
      if (id === undefined) {
        const ids = await place.items(name);
        session.out.show({ items: ids }, { blocks: [{ kind: "lines", lines: ids }], names: ids });
        return;
      }
      await showOne(session, await place.read(name, parseDataBagItemId(id)), flags);
    });
  },
});

async function showOne(
  session: Session<never>,
  item: StoredItem,
  flags: { readonly "secret-file"?: string; readonly reveal?: boolean },
): Promise<void> {
  const file = flags["secret-file"];
  if (file !== undefined && hasEncrypted(item))
    return await showOpened(session, item, file, flags.reveal === true);
  if (file !== undefined) session.out.note("warning: the item is not encrypted");
  if (file === undefined && hasEncrypted(item))
    session.out.note("encrypted: shown in plain with --secret-file");
  showStored(session, item);
}

async function showOpened(
  session: Session<never>,
  item: StoredItem,
  file: string,
  reveal: boolean,
): Promise<void> {
  using secret = readDataBagSecret(session, file);
  showPlain(session, await decryptDataBagItem(item, secret), reveal);
}

/** `version 3`, `versions 0, 3 and plain`, `no`. */
function encryptionOf(item: StoredItem): string {
  const forms = [...new Set(formsOf(item).values())];
  const versions = forms.filter((form) => form !== "plain").sort();
  if (versions.length === 0) return "no";
  const text = `version${versions.length > 1 ? "s" : ""} ${versions.join(", ")}`;
  return forms.includes("plain") ? `${text} and plain` : text;
}
