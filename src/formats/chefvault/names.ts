/** Names in a vault: readers share an object with the vault's own members, items their bag with each other's keys. */
import { KeywardError } from "../../base/errors.ts";
import type { ExactJson } from "../../base/exact-json.ts";
import { printable } from "../../model/name.ts";

/** Readers of one vault. */
const MAX_NAMES = 200_000;

/** A reader of such a name would take the place of what the keys item itself has there. */
export const reservedNames: readonly string[] = ["id", "admins", "clients", "search_query", "mode"];

/** Under which our own item stands among those of the readers. */
export const NOTES_READER = "keyward.vault";

/** @throws KeywardError `usage` */
export function assertReaderName(name: string): void {
  const what = `reader ${printable(name)}`;
  if (!/^[A-Za-z0-9_.:-]{1,200}$/.test(name))
    throw new KeywardError("usage", `${what}: want letters, digits and _ - . :`);
  if (!reservedNames.includes(name) && name !== NOTES_READER) return;
  throw new KeywardError("usage", `${what}: a vault keeps something else under that name`, {
    hint: "such a client or user cannot read vaults: it needs another name",
  });
}

/** For a vault that is made: one that is there is read whatever it is called. @throws KeywardError `usage` */
export function assertVaultName(name: string): void {
  if (!/_keys$|_key_/.test(name)) return;
  throw new KeywardError(
    "usage",
    `vault item ${printable(name)}: _keys and _key_ are for the keys of other items`,
    {
      hint: "choose another name",
    },
  );
}

export function keysIdOf(name: string): string {
  return `${name}_keys`;
}

export function sparseIdOf(name: string, reader: string): string {
  return `${name}_key_${reader}`;
}

/** Ends as a sparse key's does, so that chef-vault deletes it with the vault and shows it nowhere. */
export function notesIdOf(name: string): string {
  return sparseIdOf(name, NOTES_READER);
}

/** A list of names. Vaults of the first version have none. @throws KeywardError `malformed`, `too-large` */
export function namesIn(value: ExactJson | undefined, what: string): readonly string[] {
  if (!Array.isArray(value)) throw new KeywardError("malformed", `${what}: not a list of names`);
  const names = value as readonly ExactJson[];
  if (names.length > MAX_NAMES) throw new KeywardError("too-large", `${what}: more than ${MAX_NAMES} names`);
  return names.map((name) => {
    if (typeof name !== "string") throw new KeywardError("malformed", `${what}: not a list of names`);
    return name;
  });
}
