/** Names in a vault: readers share an object with the vault's own members, items their bag with each other's keys. */
import { KeywardError } from "../../base/errors.ts";
import { printable } from "../../model/name.ts";

/** A reader of such a name would take the place of what the keys item itself has there. */
export const reservedNames: readonly string[] = ["id", "admins", "clients", "search_query", "mode"];

/** @throws KeywardError `usage` */
export function assertReaderName(name: string): void {
  const what = `reader ${printable(name)}`;
  if (!/^[A-Za-z0-9_.:-]{1,200}$/.test(name))
    throw new KeywardError("usage", `${what}: want letters, digits and _ - . :`);
  if (!reservedNames.includes(name)) return;
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
