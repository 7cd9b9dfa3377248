/** A vault that is changed, cut off after each of its writes in turn: what a reader finds, and what the next run does. */
import assert from "node:assert/strict";
import { createPublicKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import { test } from "node:test";
import { isKeywardError } from "../../src/base/errors.ts";
import type { ExactJson } from "../../src/base/exact-json.ts";
import { type ChangeNeeds, changeVault, type VaultChange } from "../../src/chef/vault/changing.ts";
import type { Directory } from "../../src/chef/vault/directory.ts";
import { saveNew } from "../../src/chef/vault/saving.ts";
import { openVault, type Reader, type VaultAt } from "../../src/chef/vault/vault.ts";
import {
  notesIdOf,
  OWN,
  parseVaultKeys,
  parseVaultNotes,
  sparseIdOf,
  type VaultMode,
} from "../../src/formats/chefvault/chefvault.ts";
import { PlainItem } from "../../src/formats/databag/databag.ts";
import type { DataBagItemId, DataBagName } from "../../src/model/data-bag.ts";
import { type Bags, copyOf, PowerCut, placeOf } from "./bags.ts";

const bag = "secrets" as DataBagName;
const name = "db" as DataBagItemId;
const people = new Map<string, KeyObject>();
for (const one of ["alice", "bob", "web1", "web2", "web3"])
  people.set(one, generateKeyPairSync("rsa", { modulusLength: 1024 }).privateKey);

const readerOf = (one: string): Reader => ({ name: one, key: people.get(one) ?? assert.fail(one) });
const publicKey = (one: string): KeyObject | null => {
  const key = people.get(one);
  return key === undefined ? null : createPublicKey(key);
};
const directory = (...found: string[]): Directory => ({
  client: async (one) => publicKey(one),
  admin: async (one) => publicKey(one),
  search: async () => found,
});
const needs = (found: readonly string[] = ["web1", "web2"], notes: string[] = []): ChangeNeeds => ({
  reader: readerOf("alice"),
  directory: directory(...found),
  version: 3,
  dryRun: false,
  note: (line) => void notes.push(line),
});
const plain = (password: string): PlainItem =>
  new PlainItem(
    new Map<string, ExactJson>([
      ["id", name],
      ["password", password],
    ]),
  );

async function vaultOf(mode: VaultMode): Promise<Bags> {
  const bags: Bags = new Map();
  const clients = ["web1", "web2"];
  const keys = {
    id: "db_keys",
    admins: ["alice", "bob"],
    clients,
    search: "tags:web",
    mode,
    wrapped: new Map<string, string>(),
    next: null,
    removed: [],
    named: [],
  };
  const readers = new Map(["alice", "bob", ...clients].map((one) => [one, publicKey(one) ?? assert.fail()]));
  await saveNew({ place: placeOf(bags), bag, name }, keys, plain("old"), readers, 3);
  return bags;
}

const at = (bags: Bags, writes?: number): VaultAt & { place: ReturnType<typeof placeOf> } => ({
  place: placeOf(bags, writes),
  bag,
  name,
});

/** What somebody reads, or the code of the refusal. */
async function reads(bags: Bags, one: string): Promise<string> {
  try {
    using vault = await openVault(at(bags), readerOf(one));
    return String(vault.plain.get("password"));
  } catch (error) {
    return isKeywardError(error) ? error.code : assert.fail(String(error));
  }
}

const notesId = notesIdOf(name);
const keysIn = (bags: Bags): ReturnType<typeof parseVaultKeys> => {
  const notes = bags.get(bag)?.get(notesId);
  const item = bags.get(bag)?.get("db_keys") ?? assert.fail();
  return parseVaultKeys(item, "keys", notes && parseVaultNotes(notes, "notes"));
};

interface Case {
  readonly what: string;
  readonly change: VaultChange;
  /** Who can read at every point of it, and afterwards. */
  readonly stays: readonly string[];
  readonly goes: readonly string[];
  readonly password: string;
}
const cases: readonly Case[] = [
  {
    what: "rotate",
    change: { rotate: true },
    stays: ["alice", "bob", "web1", "web2"],
    goes: [],
    password: "old",
  },
  {
    what: "remove a client and change a value",
    change: { removeClients: ["web2"], values: () => plain("new"), rotate: true },
    stays: ["alice", "bob", "web1"],
    goes: ["web2"],
    password: "new",
  },
  {
    what: "clean",
    change: { clean: true, addClients: ["web3"] },
    stays: ["alice", "bob"],
    goes: ["web1", "web2"],
    password: "old",
  },
  {
    what: "values",
    change: { values: () => plain("new") },
    stays: ["alice", "bob", "web1", "web2"],
    goes: [],
    password: "new",
  },
  {
    what: "sparse",
    change: { mode: "sparse", addClients: ["web3"] },
    stays: ["alice", "bob", "web1", "web2"],
    goes: [],
    password: "old",
  },
  {
    what: "rotate to sparse",
    change: { mode: "sparse", rotate: true, removeClients: ["web2"] },
    stays: ["alice", "bob", "web1"],
    goes: ["web2"],
    password: "old",
  },
  {
    what: "rotate to default",
    change: { mode: "default", rotate: true, removeClients: ["web2"] },
    stays: ["alice", "bob", "web1"],
    goes: ["web2"],
    password: "old",
  },
  {
    what: "default",
    change: { mode: "default" },
    stays: ["alice", "bob", "web1", "web2"],
    goes: [],
    password: "old",
  },
];

for (const mode of ["default", "sparse"] as const)
  for (const { what, change, stays, goes, password } of cases)
    test(`${mode}, ${what}: cut off after any write, readers read, and the next run ends it`, async () => {
      const start = await vaultOf(mode);
      const whole = at(copyOf(start));
      await changeVault(whole, change, needs());
      for (let writes = 0; writes < whole.place.written(); writes++) {
        const bags = copyOf(start);
        await assert.rejects(changeVault(at(bags, writes), change, needs()), PowerCut);
        for (const one of stays)
          assert.ok(["old", password].includes(await reads(bags, one)), `${one} after ${writes}`);
        await changeVault(at(bags), change, needs());
        for (const one of stays)
          assert.equal(await reads(bags, one), password, `${one} after ${writes} and again`);
        for (const one of goes)
          assert.equal(await reads(bags, one), "denied", `${one} after ${writes} and again`);
        assertTidy(bags);
      }
      assert.ok(whole.place.written() >= 1 || (what === mode && whole.place.written() === 0));
    });

/** No rotation under way, and keys of readers alone. */
function assertTidy(bags: Bags): void {
  const keys = keysIn(bags);
  assert.equal(keys.next, null);
  assert.equal(bags.get(bag)?.get(notesId)?.has("rotating") ?? false, false);
  assert.equal(bags.get(bag)?.get("db_keys")?.has(OWN), false);
  const readers = [...new Set([...keys.admins, ...keys.clients])];
  const sparse = [...(bags.get(bag)?.keys() ?? [])].filter((id) => id.includes("_key_") && id !== notesId);
  if (keys.mode === "sparse")
    assert.deepEqual(sparse.sort(), readers.map((one) => sparseIdOf(name, one)).sort());
  else assert.deepEqual([sparse, [...keys.wrapped.keys()].sort()], [[], readers.sort()]);
  for (const id of sparse) assert.equal(bags.get(bag)?.get(id)?.has(OWN), false);
}

test("who is removed knows no secret that opens anything afterwards", async () => {
  for (const mode of ["default", "sparse"] as const) {
    const bags = await vaultOf(mode);
    using known = (await openVault(at(bags), readerOf("web2"))).secret;
    await changeVault(at(bags), { removeClients: ["web2"], rotate: true }, needs());
    using now = (await openVault(at(bags), readerOf("alice"))).secret;
    assert.equal(now.equals(known), false);
    assert.equal(await reads(bags, "web2"), "denied");
    assertTidy(bags);
  }
});

test("a refresh does not bring a removed client back; by name, or with the search given again, it comes", async () => {
  const bags = await vaultOf("default");
  await changeVault(at(bags), { removeClients: ["web2"], rotate: true }, needs());
  const notes: string[] = [];
  await changeVault(at(bags), { refresh: true, wrapAgain: true }, needs(["web1", "web2", "web3"], notes));
  assert.deepEqual(keysIn(bags).clients, ["web1", "web3"]);
  assert.match(notes.join(), /"web2": was removed, and is not brought back/);
  await changeVault(at(bags), { search: "tags:web" }, needs(["web1", "web2", "web3"]));
  assert.equal(await reads(bags, "web2"), "old");
  assert.deepEqual(keysIn(bags).removed, []);
});

test("cleaning up leaves those who were added by name, and changes the secret", async () => {
  const bags = await vaultOf("default");
  await changeVault(at(bags), { addClients: ["web3"] }, needs());
  using before = (await openVault(at(bags), readerOf("alice"))).secret;
  const changed = await changeVault(at(bags), { refresh: true, cleanUnknown: true }, needs(["web1"]));
  assert.deepEqual([changed.lost, changed.rotated], [["web2"], true]);
  assert.deepEqual(keysIn(bags).clients, ["web1", "web3"]);
  using after = (await openVault(at(bags), readerOf("alice"))).secret;
  assert.equal(after.equals(before), false);
});

test("a refresh that wraps nothing again writes nothing", async () => {
  const bags = await vaultOf("default");
  const place = at(bags);
  await changeVault(place, { refresh: true, wrapAgain: false }, needs());
  assert.equal(place.place.written(), 0);
  await changeVault(place, { refresh: true, wrapAgain: true }, needs());
  assert.equal(place.place.written(), 1);
});

test("a name that is admin and client loses one of the two and keeps its key", async () => {
  const bags = await vaultOf("default");
  await changeVault(at(bags), { addAdmins: ["web1"] }, needs());
  await changeVault(at(bags), { removeClients: ["web1"], rotate: true }, needs());
  assert.equal(await reads(bags, "web1"), "old");
  await changeVault(at(bags), { removeAdmins: ["web1"], rotate: true }, needs());
  assert.equal(await reads(bags, "web1"), "denied");
});

test("a client that is gone is taken off the list; an admin that is gone stops a rotation until it is removed", async () => {
  const bags = await vaultOf("default");
  const [web2, bob] = [people.get("web2"), people.get("bob")];
  assert.ok(web2 !== undefined && bob !== undefined);
  people.delete("web2");
  const notes: string[] = [];
  const changed = await changeVault(at(bags), { rotate: true }, needs([], notes));
  assert.deepEqual(changed.lost, ["web2"]);
  assert.match(notes.join(), /"web2": has no public key/);
  people.delete("bob");
  await assert.rejects(changeVault(at(bags), { rotate: true }, needs()), (error) =>
    isKeywardError(error, "not-found"),
  );
  await changeVault(at(bags), { removeAdmins: ["bob"], rotate: true }, needs());
  people.set("web2", web2).set("bob", bob);
  assert.equal(await reads(bags, "bob"), "denied");
});

test("what somebody else wrote meanwhile is not lost", async () => {
  const bags = await vaultOf("default");
  const theirs = (): PlainItem => {
    const item = bags.get(bag);
    item?.set(
      "db",
      new Map([...(item.get("db") ?? [])].reverse()).set("extra", item.get("db")?.get("password") ?? null),
    );
    return plain("mine");
  };
  await assert.rejects(changeVault(at(bags), { values: theirs }, needs()), (error) =>
    isKeywardError(error, "conflict"),
  );
});

test("in sparse mode the keys item holds nothing that chef-vault does not know, at any moment", async () => {
  // It takes such a member for a key, cannot write it, and has lost the vault by then.
  const known = ["id", "admins", "clients", "search_query", "mode"];
  const start = await vaultOf("sparse");
  const change: VaultChange = { removeClients: ["web2"], addClients: ["web3"], rotate: true };
  const whole = at(copyOf(start));
  await changeVault(whole, change, needs());
  assert.deepEqual(keysIn(start).removed, []);
  for (let writes = 0; writes <= whole.place.written(); writes++) {
    const bags = copyOf(start);
    await changeVault(at(bags, writes), change, needs()).catch((error) =>
      assert.ok(error instanceof PowerCut),
    );
    assert.deepEqual([...(bags.get(bag)?.get("db_keys")?.keys() ?? [])], known);
  }
});

test("the last reader is not taken away", async () => {
  const bags = await vaultOf("default");
  const change = { removeAdmins: ["alice", "bob"], removeClients: ["web1", "web2"], rotate: true };
  await assert.rejects(changeVault(at(bags), change, needs()), (error) => isKeywardError(error, "usage"));
  assert.equal(await reads(bags, "web1"), "old");
});
