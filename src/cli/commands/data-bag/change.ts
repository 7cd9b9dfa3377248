/** `keyward data-bag create`, `from-file`, `delete`: bags and items of a chef repository. */
import { KeywardError } from "../../../base/errors.ts";
import {
  encryptDataBagItem,
  PlainItem,
  parseStoredItem,
  type StoredItem,
} from "../../../formats/databag/databag.ts";
import {
  type DataBagItemId,
  type DataBagName,
  parseDataBagItemId,
  parseDataBagName,
} from "../../../model/data-bag.ts";
import { printable } from "../../../model/name.ts";
import { act } from "../../command.ts";
import { repoFlag, repositoryOf } from "../../data-bag/repo-flag.ts";
import type { Repository } from "../../data-bag/repository.ts";
import { readDataBagSecret, secretFlag } from "../../data-bag/secret-flag.ts";
import { readItemText } from "../../data-bag/shown.ts";
import type { Session } from "../../session.ts";
import { versionFlag, versionOf } from "./convert.ts";
import { hasEncrypted } from "./look.ts";

export const create = act({
  summary: "Make a data bag, or an item in one",
  words: ["BAG", "[ITEM]"],
  flags: {
    ...secretFlag,
    ...versionFlag,
    ...repoFlag,
    file: { type: "string", value: "FILE", help: "The item in plain; standard input unless given" },
  },
  calls: [],
  changes: true,
  examples: [
    "keyward data-bag create keymaster",
    "keyward data-bag create keymaster service123-production --secret-file secret < plain.json",
  ],
  notes: [
    "The item is read as JSON; an id in it must be ITEM, and is added when there is none. With --secret-file it is encrypted, without it is kept in plain. An item that is there stays as it is: keyward data-bag edit.",
  ],
  async run(session, { words: [bag = "", item], flags }) {
    const repository = repositoryOf(session.world, flags.repo, true);
    const name = parseDataBagName(bag);
    if (item === undefined) {
      const made = !repository.has(name);
      if (!session.dryRun) repository.makeBag(name);
      return say(session, made ? "made" : "was there already", `data bag ${name}`, name);
    }
    const id = parseDataBagItemId(item);
    if (repository.has(name, id))
      throw new KeywardError("conflict", `data bag item ${printable(`${name}/${id}`)}: exists already`, {
        hint: "keyward data-bag edit, or from-file",
      });
    const plain = withId(PlainItem.parse(await readItemText(session, flags.file ?? "-")), id);
    const stored = sealed(session, plain, flags);
    if (!session.dryRun) repository.write(name, id, stored);
    say(session, "made", `data bag item ${name}/${id}`, id);
  },
});

export const fromFile = act({
  summary: "Put items from files into a bag, encrypted when a secret is given",
  words: ["BAG", "FILE..."],
  flags: { ...secretFlag, ...versionFlag, ...repoFlag },
  calls: [],
  changes: true,
  examples: ["keyward data-bag from-file keymaster plain/*.json --secret-file secret"],
  notes: [
    "Items that are there are replaced. A file that is encrypted already is taken as it is, never encrypted again.",
  ],
  async run(session, { words: [bag = "", ...files], flags }) {
    const repository = repositoryOf(session.world, flags.repo, true);
    const name = parseDataBagName(bag);
    const ready: { id: DataBagItemId; item: StoredItem }[] = [];
    for (const file of files) ready.push(await itemOf(session, file, flags));
    for (const { id, item } of ready) {
      if (!session.dryRun) repository.write(name, id, item);
      say(session, "wrote", `data bag item ${name}/${id}`, id);
    }
  },
});

export const remove = act({
  summary: "Delete an item, or a bag that holds none",
  words: ["BAG", "[ITEM]"],
  flags: repoFlag,
  calls: [],
  changes: true,
  examples: ["keyward data-bag delete keymaster service123-production", "keyward data-bag delete keymaster"],
  notes: ["A bag that holds items is refused: delete them first."],
  async run(session, { words: [bag = "", item], flags }) {
    const repository = repositoryOf(session.world, flags.repo);
    const name = parseDataBagName(bag);
    if (item === undefined) return removeBag(session, repository, name);
    const id = parseDataBagItemId(item);
    if (session.dryRun) repository.read(name, id);
    else repository.removeItem(name, id);
    say(session, "deleted", `data bag item ${name}/${id}`, id);
  },
});

interface SealFlags {
  readonly "secret-file"?: string;
  readonly version?: "0" | "1" | "2" | "3";
}

/** All files are read before the first is written. */
async function itemOf(
  session: Session<never>,
  file: string,
  flags: SealFlags,
): Promise<{ id: DataBagItemId; item: StoredItem }> {
  const what = printable(file);
  const stored = parseStoredItem(await readItemText(session, file), what);
  const id = stored.get("id");
  if (typeof id !== "string") throw new KeywardError("malformed", `${what}: its id is missing, or no text`);
  const item = hasEncrypted(stored) ? stored : sealed(session, new PlainItem(stored), flags);
  return { id: parseDataBagItemId(id), item };
}

function sealed(session: Session<never>, plain: PlainItem, flags: SealFlags): StoredItem {
  if (flags["secret-file"] === undefined) {
    if (flags.version !== undefined) throw new KeywardError("usage", "--version goes with --secret-file");
    return plain.members();
  }
  using secret = readDataBagSecret(session, flags["secret-file"], "--secret-file", "seal");
  return encryptDataBagItem(plain, secret, { version: versionOf(flags.version, 3) });
}

function withId(plain: PlainItem, id: DataBagItemId): PlainItem {
  const members = plain.members();
  if (!members.has("id")) return new PlainItem(new Map([["id", id], ...members]));
  if (plain.id === id) return plain;
  throw new KeywardError("usage", `the id in the item is not ${printable(id)}`);
}

function removeBag(session: Session<never>, repository: Repository, bag: DataBagName): void {
  const count = repository.items(bag).length;
  if (count > 0)
    throw new KeywardError(
      "conflict",
      `data bag ${printable(bag)}: holds ${count} item${count === 1 ? "" : "s"}`,
      {
        hint: `keyward data-bag list ${bag}; delete them first`,
      },
    );
  if (!session.dryRun) repository.removeBag(bag);
  say(session, "deleted", `data bag ${bag}`, bag);
}

function say({ out, dryRun }: Session<never>, done: string, what: string, name: string): void {
  const line = `${dryRun ? "dry run, " : ""}${done}: ${what}`;
  out.show({ name, done }, { blocks: [{ kind: "lines", lines: [line] }], names: [name] });
}
