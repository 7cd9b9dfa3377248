/** `keyward data-bag create`, `from-file`, `delete`: bags and items of a chef repository or a Chef server. */
import { KeywardError } from "../../../base/errors.ts";
import { type BagPlace, isThere, placeFlags, withPlace } from "../../../chef/data-bag/place.ts";
import { readDataBagSecret, secretFlag } from "../../../chef/data-bag/secret-flag.ts";
import { readItemText } from "../../../chef/data-bag/shown.ts";
import { act } from "../../../command/command.ts";
import type { Session } from "../../../command/session.ts";
import {
  encryptDataBagItem,
  encryptUnlessEncrypted,
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
import { versionFlag, versionOf } from "./convert.ts";

export const create = act({
  summary: "Make a data bag, or an item in one",
  words: ["BAG", "[ITEM]"],
  flags: {
    ...secretFlag,
    ...versionFlag,
    ...placeFlags,
    file: { type: "string", value: "FILE", help: "The item in plain; standard input unless given" },
  },
  calls: [],
  changes: true,
  examples: [
    "keyward data-bag create keymaster",
    "keyward data-bag create keymaster service123-production --secret-file secret < plain.json",
    "keyward data-bag create keymaster --chef-server https://chef.example.com/organizations/acme --chef-user admin --chef-key admin.pem",
  ],
  notes: [
    "The item is read as JSON; an id in it must be ITEM, and is added when there is none. With --secret-file it is encrypted, without it is kept in plain. An item that is there stays as it is: keyward data-bag edit.",
  ],
  async run(session, { words: [bag = "", item], flags }) {
    const name = parseDataBagName(bag);
    const id = item === undefined ? undefined : parseDataBagItemId(item);
    await withPlace(
      session,
      flags,
      async (place) => {
        const known = await place.hasBag(name);
        if (id === undefined) {
          if (!session.dryRun && !known) await place.makeBag(name);
          return say(session, known ? "was there already" : "made", `data bag ${name}`, name);
        }
        if (known && (await place.items(name)).includes(id)) throw isThere(name, id);
        const plain = withId(PlainItem.parse(await readItemText(session, flags.file ?? "-")), id);
        const stored = sealed(session, plain, flags);
        if (!session.dryRun) {
          if (!known) await place.makeBag(name);
          await place.create(name, id, stored);
        }
        say(session, "made", `data bag item ${name}/${id}`, id);
      },
      true,
    );
  },
});

export const fromFile = act({
  summary: "Put items from files into a bag, encrypted when a secret is given",
  words: ["BAG", "FILE..."],
  flags: { ...secretFlag, ...versionFlag, ...placeFlags },
  calls: [],
  changes: true,
  examples: ["keyward data-bag from-file keymaster plain/*.json --secret-file secret"],
  notes: [
    "Items that are there are replaced. A file that is encrypted already is taken as it is, never encrypted again; one of which a part is encrypted is refused.",
  ],
  async run(session, { words: [bag = "", ...files], flags }) {
    const name = parseDataBagName(bag);
    const ready: { id: DataBagItemId; item: StoredItem }[] = [];
    for (const file of files) ready.push(await itemOf(session, file, flags));
    const twice = ready.find(({ id }, i) => ready.findIndex((one) => one.id === id) !== i);
    if (twice !== undefined) throw new KeywardError("usage", `two files hold an item ${printable(twice.id)}`);
    await withPlace(session, flags, (place) => putAll(session, place, name, ready), true);
  },
});

export const remove = act({
  summary: "Delete an item, or a bag that holds none",
  words: ["BAG", "[ITEM]"],
  flags: placeFlags,
  calls: [],
  changes: true,
  examples: ["keyward data-bag delete keymaster service123-production", "keyward data-bag delete keymaster"],
  notes: ["A bag that holds items is refused: delete them first."],
  async run(session, { words: [bag = "", item], flags }) {
    const name = parseDataBagName(bag);
    await withPlace(session, flags, async (place) => {
      if (item === undefined) return await removeBag(session, place, name);
      const id = parseDataBagItemId(item);
      if (session.dryRun) await place.read(name, id);
      else await place.remove(name, id);
      say(session, "deleted", `data bag item ${name}/${id}`, id);
    });
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
  return { id: parseDataBagItemId(id), item: await sealedOnce(session, stored, flags) };
}

async function sealedOnce(
  session: Session<never>,
  stored: StoredItem,
  flags: SealFlags,
): Promise<StoredItem> {
  if (flags["secret-file"] === undefined) return sealed(session, new PlainItem(stored), flags);
  using secret = readDataBagSecret(session, flags["secret-file"], "--secret-file", "seal");
  return await encryptUnlessEncrypted(stored, secret, { version: versionOf(flags.version, 3) });
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

async function putAll(
  session: Session<never>,
  place: BagPlace,
  bag: DataBagName,
  ready: readonly { readonly id: DataBagItemId; readonly item: StoredItem }[],
): Promise<void> {
  if (!session.dryRun && !(await place.hasBag(bag))) await place.makeBag(bag);
  // One after the other: goiardi loses items of one bag that arrive at once.
  for (const { id, item } of ready) {
    if (!session.dryRun) await place.put(bag, id, item);
    say(session, "wrote", `data bag item ${bag}/${id}`, id);
  }
}

async function removeBag(session: Session<never>, place: BagPlace, bag: DataBagName): Promise<void> {
  const count = (await place.items(bag)).length;
  if (count > 0)
    throw new KeywardError(
      "conflict",
      `data bag ${printable(bag)}: holds ${count} item${count === 1 ? "" : "s"}`,
      {
        hint: `keyward data-bag list ${bag}; delete them first`,
      },
    );
  if (!session.dryRun) await place.removeBag(bag);
  say(session, "deleted", `data bag ${bag}`, bag);
}

function say({ out, dryRun }: Session<never>, done: string, what: string, name: string): void {
  const line = `${dryRun ? "dry run, " : ""}${done}: ${what}`;
  out.show({ name, done }, { blocks: [{ kind: "lines", lines: [line] }], names: [name] });
}
