/** A vault, opened by one of its readers. */
import type { KeyObject } from "node:crypto";
import { isKeywardError, KeywardError } from "../../base/errors.ts";
import { Secret } from "../../base/secret.ts";
import {
  keysIdOf,
  notForYou,
  parseSparseKey,
  parseVaultKeys,
  sparseIdOf,
  unwrapSecret,
  type VaultKeys,
} from "../../formats/chefvault/chefvault.ts";
import {
  dataBagSecret,
  decryptDataBagItem,
  type PlainItem,
  type StoredItem,
} from "../../formats/databag/databag.ts";
import type { DataBagItemId, DataBagName } from "../../model/data-bag.ts";
import { printable } from "../../model/name.ts";
import type { BagPlace } from "../data-bag/place.ts";
import { readNotes } from "./notes.ts";
import { orNothing } from "./nothing.ts";

export interface Reader {
  readonly name: string;
  readonly key: KeyObject;
}

export interface VaultAt {
  readonly place: BagPlace;
  readonly bag: DataBagName;
  readonly name: DataBagItemId;
}

/** Its secret is wiped by `Symbol.dispose`. */
export interface Vault extends VaultAt {
  /** As they were read, which is what is compared before they are written. */
  readonly storedKeys: StoredItem;
  readonly storedNotes: StoredItem | null;
  readonly storedItem: StoredItem;
  readonly keys: VaultKeys;
  readonly plain: PlainItem;
  readonly secret: Secret;
  /** A rotation was broken off; `done`: the item is under the next secret already. */
  readonly broken: "begun" | "done" | null;
  [Symbol.dispose](): void;
}

export function nameOf({ bag, name }: Pick<VaultAt, "bag" | "name">): string {
  return `vault item ${printable(`${bag}/${name}`)}`;
}

/** @throws KeywardError `not-found` when it is no vault. */
export async function readKeys(
  at: VaultAt,
): Promise<{ stored: StoredItem; storedNotes: StoredItem | null; keys: VaultKeys }> {
  const { place, bag, name } = at;
  const id = keysIdOf(name) as DataBagItemId;
  const stored = await orNothing(place.read(bag, id));
  if (stored === null)
    throw new KeywardError("not-found", `${printable(`${bag}/${id}`)}: not found`, {
      hint: "there is no such vault; make it: keyward vault-item create",
    });
  const { stored: storedNotes, notes } = await readNotes(at);
  return { stored, storedNotes, keys: parseVaultKeys(stored, printable(`${bag}/${id}`), notes) };
}

/**
 * @throws KeywardError `not-found`; `denied` when the reader is not among its readers; `wrong-key` when its key does
 *   not open what was wrapped for it; `integrity` when the item was changed.
 */
export async function openVault(at: VaultAt, reader: Reader): Promise<Vault> {
  const what = nameOf(at);
  const { stored: storedKeys, storedNotes, keys } = await readKeys(at);
  const storedItem = await orNothing(at.place.read(at.bag, at.name));
  if (storedItem === null)
    throw new KeywardError("not-found", `${what}: not found, though its keys are there`, {
      hint: "it was being made or deleted; make it again: keyward vault-item create",
    });
  const wrapped = await wrappedFor(at, keys, reader.name);
  if (wrapped.length === 0) throw notForYou(what, printable(reader.name));
  const opened = await openWith(wrapped, storedItem, reader.key);
  if (opened === null)
    throw new KeywardError(
      "wrong-key",
      `${what}: is encrypted for ${printable(reader.name)}, but not for this private key`,
      {
        hint: "when the client's key was made anew, have an admin run: keyward vault-item refresh; or the item was changed",
      },
    );
  const broken = keys.next === null ? null : opened.next ? "done" : "begun";
  return {
    ...at,
    storedKeys,
    storedNotes,
    storedItem,
    keys,
    plain: opened.plain,
    secret: opened.secret,
    broken,
    [Symbol.dispose]: () => opened.secret.wipe(),
  };
}

interface Wrapped {
  readonly text: string;
  readonly next: boolean;
}

async function wrappedFor(at: VaultAt, keys: VaultKeys, reader: string): Promise<Wrapped[]> {
  const found: Wrapped[] = [];
  const add = (text: string | null | undefined, next: boolean): void => {
    if (typeof text === "string") found.push({ text, next });
  };
  if (keys.mode === "sparse") {
    const id = sparseIdOf(at.name, reader) as DataBagItemId;
    const item = await orNothing(at.place.read(at.bag, id));
    const sparse = item === null ? null : parseSparseKey(item, reader, printable(`${at.bag}/${id}`));
    add(sparse?.wrapped, false);
    add(sparse?.next, true);
  }
  add(keys.wrapped.get(reader), false);
  add(keys.next?.get(reader), true);
  return found;
}

async function openWith(
  wrapped: readonly Wrapped[],
  item: StoredItem,
  key: KeyObject,
): Promise<{ secret: Secret; plain: PlainItem; next: boolean } | null> {
  for (const { text, next } of wrapped) {
    using secret = unwrapSecret(text, key);
    if (secret === null) continue;
    try {
      using opening = dataBagSecret(secret, "shared secret");
      const plain = await decryptDataBagItem(item, opening);
      return { secret: Secret.copy(secret.reveal()), plain, next };
    } catch (error) {
      if (!isKeywardError(error, "wrong-key")) throw error;
    }
  }
  return null;
}
