/** `keyward data-bag list`, `show`: what a chef repository holds. */
import {
  decryptDataBagItem,
  formsOf,
  isEncrypted,
  type StoredItem,
} from "../../../formats/databag/databag.ts";
import { parseDataBagItemId, parseDataBagName } from "../../../model/data-bag.ts";
import { act } from "../../command.ts";
import { repoFlag, repositoryOf } from "../../data-bag/repo-flag.ts";
import { readItemFile } from "../../data-bag/repository.ts";
import { readDataBagSecret, secretFlag } from "../../data-bag/secret-flag.ts";
import { revealFlag, showPlain, showStored } from "../../data-bag/shown.ts";
import type { Session } from "../../session.ts";

export const list = act({
  summary: "List the data bags of a chef repository, or the items of one",
  words: ["[BAG]"],
  flags: repoFlag,
  calls: [],
  examples: ["keyward data-bag list", "keyward data-bag list keymaster --repo /srv/chef"],
  async run({ out, world }, { words: [bag], flags }) {
    const repository = repositoryOf(world, flags.repo);
    if (bag === undefined) {
      const bags = repository.bags();
      out.show({ bags }, { blocks: [{ kind: "lines", lines: bags }], names: bags });
      return;
    }
    const name = parseDataBagName(bag);
    const items = repository.items(name).map((id) => {
      const item = readItemFile(repository.fileOf(name, id));
      return { id, values: formsOf(item).size, encrypted: encryptionOf(item) };
    });
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
  },
});

export const show = act({
  summary: "Show a data bag item, decrypted when a secret is given",
  words: ["BAG", "[ITEM]"],
  flags: { ...secretFlag, ...revealFlag, ...repoFlag },
  calls: [],
  examples: [
    "keyward data-bag show keymaster",
    "keyward data-bag show keymaster service123-production --secret-file secret",
  ],
  notes: ["Without ITEM the bag's items are listed."],
  async run(session, { words: [bag = "", id], flags }) {
    const repository = repositoryOf(session.world, flags.repo);
    const name = parseDataBagName(bag);
    if (id === undefined) {
      const ids = repository.items(name);
      session.out.show({ items: ids }, { blocks: [{ kind: "lines", lines: ids }], names: ids });
      return;
    }
    const item = repository.read(name, parseDataBagItemId(id));
    const file = flags["secret-file"];
    if (file !== undefined && hasEncrypted(item))
      return await showOpened(session, item, file, flags.reveal === true);
    if (file !== undefined) session.out.note("warning: the item is not encrypted");
    if (file === undefined && hasEncrypted(item))
      session.out.note("encrypted: shown in plain with --secret-file");
    showStored(session, item);
  },
});

async function showOpened(
  session: Session<never>,
  item: StoredItem,
  file: string,
  reveal: boolean,
): Promise<void> {
  using secret = readDataBagSecret(session, file);
  showPlain(session, await decryptDataBagItem(item, secret), reveal);
}

export function hasEncrypted(item: StoredItem): boolean {
  return isEncrypted(item) || [...formsOf(item).values()].some((form) => form !== "plain");
}

/** `version 3`, `versions 0, 3 and plain`, `no`. */
function encryptionOf(item: StoredItem): string {
  const forms = [...new Set(formsOf(item).values())];
  const versions = forms.filter((form) => form !== "plain").sort();
  if (versions.length === 0) return "no";
  const text = `version${versions.length > 1 ? "s" : ""} ${versions.join(", ")}`;
  return forms.includes("plain") ? `${text} and plain` : text;
}
