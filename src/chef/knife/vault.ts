/** `knife vault …`: chef-vault's commands. */
import path from "node:path";
import { utf8 } from "../../base/bytes.ts";
import { isKeywardError } from "../../base/errors.ts";
import type { ExactJson, ExactObject } from "../../base/exact-json.ts";
import { replace } from "../../command/write-file.ts";
import { keysIdOf, vaultItemType } from "../../formats/chefvault/chefvault.ts";
import { PlainItem } from "../../formats/databag/databag.ts";
import {
  type DataBagItemId,
  type DataBagName,
  parseDataBagItemId,
  parseDataBagName,
} from "../../model/data-bag.ts";
import { type ChangeNeeds, changeVault, type VaultChange } from "../vault/changing.ts";
import { assertAbsent, createVault } from "../vault/creating.ts";
import { type Desk, namesIn } from "../vault/desk.ts";
import { orNothing } from "../vault/nothing.ts";
import { removeVault } from "../vault/saving.ts";
import { shownOf, vaultsIn } from "../vault/shown.ts";
import { givenValues, notAsWord, withId } from "../vault/values.ts";
import { nameOf, openVault, readKeys, type Vault, type VaultAt } from "../vault/vault.ts";
import type { KnifeCall } from "./call.ts";
import { KnifeExit, KnifeFailure } from "./failure.ts";
import { Mash, RubySymbol, type Shown, withinMash } from "./shown.ts";

type VaultName = Pick<VaultAt, "bag" | "name">;

export async function createItem(call: KnifeCall): Promise<void> {
  const at = vaultAt(call, call.words[2] === undefined);
  const desk = await call.desk();
  try {
    await assertAbsent(desk.place, at);
  } catch (error) {
    if (!isKeywardError(error, "conflict")) throw error;
    throw vaultFailure(
      "ItemAlreadyExists",
      `${at.bag}/${at.name} already exists, use 'knife vault remove' 'knife vault update' or 'knife vault edit' to make changes.`,
    );
  }
  const mode = call.typed.text("keys_mode") === "sparse" ? "sparse" : "default";
  const values = async (): Promise<ReadonlyMap<string, ExactJson>> =>
    (await valuesOf(call, at.name)) ?? withoutId((await call.edited(new Map(), at.name)).members());
  await heard(
    at,
    createVault({ ...at, place: desk.place }, { ...readersOf(call), mode }, values, needsOf(call, desk)),
  );
}

export async function updateItem(call: KnifeCall): Promise<void> {
  const { typed } = call;
  const asked = ["search", "clients", "admins", "json", "file", "keys_mode", "clean"].some((name) =>
    typed.on(name),
  );
  const at = vaultAt(call, asked && call.words[2] === undefined);
  const desk = await call.desk();
  const values = await valuesOf(call, at.name);
  const mode = typed.text("keys_mode");
  const change: VaultChange = {
    ...readersOf(call),
    clean: typed.on("clean"),
    wrapAgain: typed.on("search"),
    ...(mode === undefined ? {} : { mode: mode === "sparse" ? "sparse" : "default" }),
    ...(values === null
      ? {}
      : { values: (plain: PlainItem) => new PlainItem(new Map([...plain.members(), ...values])) }),
  };
  const { lost } = await changed(call, desk, at, change);
  for (const name of [...lost].sort()) call.ui.info(`Deleting ${name}`);
}

export async function editVault(call: KnifeCall): Promise<void> {
  const at = vaultAt(call, true);
  const desk = await call.desk();
  using vault = await openedAt(desk, at, notThere(at));
  const edited = withoutId((await call.edited(withoutId(vault.plain.members()), at.name)).members());
  await changed(call, desk, at, { values: () => withId(at.name, edited) });
}

export async function removeFrom(call: KnifeCall): Promise<void> {
  const { typed } = call;
  const [, , names] = call.words;
  if (names?.trimStart().startsWith("{") === true)
    call.ui.fatal("values: want their names, with commas between them");
  const at = vaultAt(
    call,
    names !== undefined || ["search", "clients", "admins"].some((name) => typed.on(name)),
  );
  const desk = await call.desk();
  const query = typed.text("search");
  const found = query === undefined ? [] : await desk.directory.search(query);
  const gone = new Set(namesIn(names, "VALUES"));
  const change: VaultChange = {
    removeClients: [...namesIn(typed.text("clients"), "-C"), ...found],
    removeAdmins: namesIn(typed.text("admins"), "-A"),
    cleanUnknown: typed.on("clean_unknown_clients"),
    rotate: true,
    values: (plain) =>
      new PlainItem(new Map([...plain.members()].filter(([name]) => name === "id" || !gone.has(name)))),
  };
  await changed(call, desk, at, change);
}

export async function refreshItem(call: KnifeCall): Promise<void> {
  const at = vaultAt(call, true);
  const desk = await call.desk();
  await assertThere(desk, at, notThere(at));
  const { keys } = await readKeys({ ...at, place: desk.place });
  if (keys.search === null)
    throw vaultFailure(
      "SearchNotFound",
      `${at.bag}/${at.name} does not have a stored search_query, probably because it was created with an older version of chef-vault. Use 'knife vault update' to update the databag with the search query.`,
    );
  await changed(call, desk, at, {
    refresh: true,
    cleanUnknown: call.typed.on("clean_unknown_clients"),
    wrapAgain: !call.typed.on("skip_reencryption"),
  });
}

export async function rotateItem(call: KnifeCall): Promise<void> {
  const at = vaultAt(call, true);
  await changed(call, await call.desk(), at, {
    rotate: true,
    cleanUnknown: call.typed.on("clean_unknown_clients"),
  });
}

/** One that cannot be rotated is said, and stops no other one. */
export async function rotateAll(call: KnifeCall): Promise<void> {
  const desk = await call.desk();
  let failed = false;
  for (const bag of (await desk.place.bags()) as DataBagName[])
    for (const name of (await vaultsIn(desk.place, bag)) as DataBagItemId[]) {
      call.ui.info(`Rotating keys for: ${bag} ${name}`);
      const cleanUnknown = call.typed.on("clean_unknown_clients");
      try {
        await changed(call, desk, { bag, name }, { rotate: true, cleanUnknown });
      } catch (error) {
        if (!isKeywardError(error) && !(error instanceof KnifeFailure)) throw error;
        call.ui.error(`${bag}/${name}: ${error.message}`);
        failed = true;
      }
    }
  if (failed) throw new KnifeExit(100);
}

export async function deleteItem(call: KnifeCall): Promise<void> {
  const at = vaultAt(call, true);
  await call.ui.confirm(`Do you really want to delete ${at.bag}/${at.name}`);
  const desk = await call.desk();
  const missing = vaultFailure("ItemNotFound", `${at.bag}/${at.name} not found.`);
  using vault = await openedAt(desk, at, missing);
  await removeVault(vault);
  call.ui.msg(`Deleted chef_vault_item[${at.bag}/${at.name}]`);
}

export async function showVault(call: KnifeCall): Promise<void> {
  const { ui, words } = call;
  if (words.length === 0) call.refuse("USAGE: ");
  const desk = await call.desk();
  if (words.length === 1) {
    const bag = parseDataBagName(call.word(0));
    const items = vaultItemsOf(await desk.place.items(bag));
    return ui.output(items ?? `data bag ${bag} is not a chef-vault`);
  }
  const at = vaultAt(call, true);
  using vault = await openedAt(desk, at);
  const names = words[2]?.split(",").map((name) => name.trim());
  const wanted = ["search", "admins", "clients", "all"].find((one) => one === call.typed.text("print"));
  const shown = shownOf(vault, undefined, wanted as "all" | undefined).members();
  if (names === undefined) return ui.output(new Mash(shown));
  const own = new Set(vault.plain.members().keys());
  const kept = [...shown].filter(([name]) => !own.has(name) || name === "id" || names.includes(name));
  ui.output(new Map(kept.map(([name, value]): [string, Shown] => [name, withinMash(value)])));
}

export async function listVaults(call: KnifeCall): Promise<void> {
  const { place } = await call.desk();
  const vaults: string[] = [];
  for (const bag of (await place.bags()) as DataBagName[])
    if (vaultItemsOf(await place.items(bag)) !== null) vaults.push(bag);
  call.ui.output(vaults);
}

export async function isVault(call: KnifeCall): Promise<void> {
  if ((await typeOf(call)) !== "vault") throw new KnifeExit(1);
}

export async function itemType(call: KnifeCall): Promise<void> {
  call.ui.output(new RubySymbol(await typeOf(call)));
}

export async function downloadFile(call: KnifeCall): Promise<void> {
  const [, , to] = call.words;
  const at = vaultAt(call, to !== undefined);
  const desk = await call.desk();
  using vault = await openedAt(desk, at);
  const content = vault.plain.get("file-content");
  const file = call.file(to ?? "");
  replace(file, "file", utf8(typeof content === "string" ? content : ""), 0o600);
  call.ui.info(`Saved ${String(vault.plain.get("file-name") ?? path.basename(file))} as ${to}`);
}

async function typeOf(call: KnifeCall): Promise<"vault" | "encrypted" | "normal"> {
  const at = vaultAt(call, true);
  const { place } = await call.desk();
  const item = await orNothing(place.read(at.bag, at.name));
  if (item === null) throw vaultFailure("ItemNotFound", `${at.bag}/${at.name} not found`);
  return vaultItemType(item, (await place.items(at.bag)).includes(keysIdOf(at.name)));
}

/** Items of a bag that is nothing but a vault, as chef-vault tells: an item of keys for each. `null`: it is none. */
function vaultItemsOf(ids: readonly string[]): string[] | null {
  const keys = new Set(ids.filter((id) => id.endsWith("_keys")));
  const others = ids.filter((id) => !keys.has(id));
  const items = others.filter((id) => !id.includes("_key_") || keys.has(keysIdOf(id)));
  const whole = ids.length >= 2 && keys.size === items.length && items.every((id) => keys.has(keysIdOf(id)));
  return whole ? items : null;
}

/** @param enough - The other words and flags are there. */
function vaultAt(call: KnifeCall, enough: boolean): VaultName {
  const [bag, name, third] = call.words;
  if (bag === undefined || name === undefined) call.refuse("USAGE: ");
  if (!enough && third !== undefined) call.ui.fatal(notAsWord);
  if (!enough) call.refuse("USAGE: ");
  return { bag: parseDataBagName(bag), name: parseDataBagItemId(name) };
}

function readersOf({ typed }: KnifeCall): Pick<VaultChange, "addClients" | "addAdmins" | "search"> {
  const search = typed.text("search");
  return {
    addClients: namesIn(typed.text("clients"), "-C"),
    addAdmins: namesIn(typed.text("admins"), "-A"),
    ...(search === undefined ? {} : { search }),
  };
}

async function valuesOf(
  { world, typed }: KnifeCall,
  name: DataBagItemId,
): Promise<ReadonlyMap<string, ExactJson> | null> {
  const [json, file] = [typed.text("json"), typed.text("file")];
  return await givenValues(
    { world },
    { ...(json === undefined ? {} : { json }), ...(file === undefined ? {} : { file }) },
    name,
  );
}

function withoutId(item: ExactObject): ExactObject {
  return new Map([...item].filter(([name]) => name !== "id"));
}

function needsOf({ ui }: KnifeCall, desk: Desk): ChangeNeeds {
  return {
    reader: desk.reader(),
    directory: desk.directory,
    version: 3,
    dryRun: false,
    note: (line) => ui.info(`WARN: ${line}`),
  };
}

async function changed(
  call: KnifeCall,
  desk: Desk,
  at: VaultName,
  change: VaultChange,
): Promise<{ readonly lost: readonly string[] }> {
  await assertThere(desk, at, notThere(at));
  return await heard(at, changeVault({ ...at, place: desk.place }, change, needsOf(call, desk)));
}

/** @param missing - What is said of a vault that is not there, when it is not what chef-vault says of its parts. */
async function openedAt(desk: Desk, at: VaultName, missing?: KnifeFailure): Promise<Vault> {
  await assertThere(desk, at, missing);
  return await heard(at, openVault({ ...at, place: desk.place }, desk.reader()));
}

async function assertThere({ place }: Desk, { bag, name }: VaultName, missing?: KnifeFailure): Promise<void> {
  const keysId = keysIdOf(name) as DataBagItemId;
  if ((await orNothing(place.read(bag, keysId))) === null)
    throw missing ?? vaultFailure("KeysNotFound", `${bag}/${keysId} could not be found`);
  if ((await orNothing(place.read(bag, name))) === null)
    throw missing ?? vaultFailure("ItemNotFound", `${bag}/${name} could not be found`);
}

/** What commands that change a vault say of one that is not there. */
function notThere({ bag, name }: VaultName): KnifeFailure {
  return vaultFailure("ItemNotFound", `${bag}/${name} does not exist, use 'knife vault create' to create.`);
}

/** Errors of a vault under the names of chef-vault's; those of the server go on. */
async function heard<T>(at: VaultName, answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    if (!isKeywardError(error)) throw error;
    const { code, message } = error;
    if (code === "not-found" && message.startsWith("admin ")) throw vaultFailure("AdminNotFound", message);
    if (!message.startsWith(nameOf(at))) throw error;
    if (code === "denied")
      throw vaultFailure(
        "SecretDecryption",
        `${at.bag}/${at.name} is not encrypted with your public key.  Contact an administrator of the vault item to encrypt for you!`,
      );
    if (code !== "wrong-key") throw error;
    throw vaultFailure(
      "SecretDecryption",
      `${at.bag}/${at.name} is encrypted for you, but your private key failed to decrypt the contents.  (if you regenerated your client key, have an administrator of the vault run 'knife vault refresh')`,
    );
  }
}

function vaultFailure(name: string, message: string): KnifeFailure {
  return new KnifeFailure(`ChefVault::Exceptions::${name}`, message);
}
