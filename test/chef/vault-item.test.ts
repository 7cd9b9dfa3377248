/** Vaults on a real Chef server, by the program: made, read by nodes, changed, rotated. */
import assert from "node:assert/strict";
import { createPublicKey, generateKeyPairSync } from "node:crypto";
import { after, before, test } from "node:test";
import { chefNode, type Goiardi, startGoiardi } from "./goiardi.ts";
import { chefEnvironment, createDesk, type Desk, type Ended } from "./typed.ts";

let goiardi: Goiardi;
let desk: Desk;

before(async () => {
  goiardi = await startGoiardi();
  desk = createDesk(chefEnvironment(goiardi));
  for (const [name, tags] of [
    ["web1", ["web"]],
    ["web2", ["web"]],
    ["db1", ["db"]],
  ] as const)
    await makeNode(name, tags);
});
after(async () => {
  desk.remove();
  await goiardi.stop();
});

/** A client with a key of its own, and its node. */
async function makeNode(name: string, tags: readonly string[]): Promise<void> {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  desk.write(`${name}.pem`, privateKey.export({ type: "pkcs1", format: "pem" }).toString());
  const public_key = createPublicKey(privateKey).export({ type: "spki", format: "pem" }).toString();
  await goiardi.ask("POST", "/clients", { name, public_key, admin: true });
  await goiardi.ask("POST", "/nodes", chefNode(name, { normal: { tags } }));
}

const vault = (...words: readonly string[]): Promise<string> => desk.ok("vault-item", ...words);
const showAs = (name: string, ...words: readonly string[]): Promise<Ended> =>
  desk.type(["vault-item", "show", ...words], {
    env: { KEYWARD_CHEF_USER: name, KEYWARD_CHEF_KEY: `${name}.pem` },
  });
const opens = async (name: string, item: string): Promise<boolean> =>
  (await showAs(name, "passwords", item)).status === 0;

test("a vault is made for whom a search finds, and read by each of them with its own key", async () => {
  desk.write("values.json", '{"username":"root","password":"swordfish","big":123456789012345678901}');
  const made = await vault("create", "passwords", "root", "-S", "tags:web", "-C", "db1", "-J", "values.json");
  assert.match(made, /root: made\n\+ admin\n\+ web1\n\+ web2\n\+ db1\n$/);
  for (const name of ["web1", "web2", "db1"]) {
    const { stdout, stderr } = await showAs(name, "passwords", "root");
    assert.match(stdout, /"password": "swordfish"/, stderr);
    assert.match(stdout, /"big": 123456789012345678901\b/);
  }
  assert.equal(await vault("show", "passwords"), "root\n");
  const some = JSON.parse(await vault("show", "passwords", "root", "username", "-p", "all"));
  assert.deepEqual(some, {
    id: "root",
    username: "root",
    search_query: "tags:web",
    admins: ["admin"],
    clients: ["web1", "web2", "db1"],
  });
  const again = await desk.type(["vault-item", "create", "passwords", "root", "-J", "values.json"]);
  assert.equal(again.status, 6);
});

test("values change, in an editor too; values are never taken as a word", async () => {
  desk.write("more.json", '{"password":"marlin"}');
  assert.match(await vault("update", "passwords", "root", "-J", "more.json"), /changed: values\n$/);
  desk.write("edit.sh", '#!/bin/sh\nsed -i s/marlin/tuna/ "$1"\n', 0o700);
  const edited = await desk.type(["vault-item", "edit", "passwords", "root"], {
    env: { EDITOR: `${desk.folder}/edit.sh` },
  });
  assert.match(edited.stdout, /changed: values/, edited.stderr);
  assert.match((await showAs("web1", "passwords", "root")).stdout, /tuna/);
  const word = await desk.type(["vault-item", "update", "passwords", "root", '{"password":"seen"}']);
  assert.equal(word.status, 1);
  assert.match(word.stderr, /not given as a word/);
  assert.doesNotMatch(word.stderr, /seen/);
});

test("a client that is removed does not come back with a refresh, and reads no more", async () => {
  assert.match(await vault("remove", "passwords", "root", "-C", "web2", "--dry-run"), /would be changed/);
  assert.ok(await opens("web2", "root"));
  assert.match(await vault("remove", "passwords", "root", "-C", "web2"), /a new secret\n- web2/);
  await makeNode("web3", ["web"]);
  assert.match(await vault("refresh", "passwords", "root"), /\+ web3\n$/);
  assert.equal(await opens("web2", "root"), false);
  assert.equal((await showAs("web2", "passwords", "root")).status, 4);
  assert.ok(await opens("web3", "root"));
});

test("from one item to an item a reader and back: nobody is locked out", async () => {
  await vault("update", "passwords", "root", "-K", "sparse");
  assert.deepEqual((await desk.ok("data-bag", "show", "passwords")).trim().split("\n"), [
    "root",
    ...["admin", "db1", "keyward.vault", "web1", "web3"].map((name) => `root_key_${name}`),
    "root_keys",
  ]);
  for (const name of ["web1", "web3", "db1"]) assert.ok(await opens(name, "root"), name);
  await vault("remove", "passwords", "root", "-C", "web3");
  assert.equal(await opens("web3", "root"), false);
  await vault("update", "passwords", "root", "-K", "default");
  assert.equal(await desk.ok("data-bag", "show", "passwords"), "root\nroot_key_keyward.vault\nroot_keys\n");
  for (const name of ["web1", "db1"]) assert.ok(await opens(name, "root"), name);
});

test("every vault is rotated; one that is not ours is listed and stops no other", async () => {
  desk.write("values.json", '{"password":"x"}');
  await vault("create", "passwords", "second", "-C", "db1", "-J", "values.json");
  const env = { KEYWARD_CHEF_USER: "web1", KEYWARD_CHEF_KEY: "web1.pem" };
  await desk.type(["vault-item", "create", "others", "third", "-J", "values.json"], { env });
  const before = await desk.ok("data-bag", "show", "passwords", "root");
  const { status, stdout, stderr } = await desk.type(["vault-item", "rotate-all-keys"]);
  assert.equal(status, 7, stderr);
  assert.match(stdout, /others +third +denied: .*is not encrypted for "?admin/);
  assert.match(stdout, /passwords +root +rotated/);
  assert.match(stdout, /passwords +second +rotated/);
  assert.notEqual(await desk.ok("data-bag", "show", "passwords", "root"), before);
  assert.ok(await opens("db1", "second"));
  await vault("rotate-keys", "passwords", "second");
  assert.match(await vault("delete", "passwords", "second"), /deleted/);
  assert.equal((await desk.type(["vault-item", "show", "passwords", "second"])).status, 3);
});

test("reserved names, and readers that there are not, are refused", async () => {
  for (const [words, said] of [
    [["-C", "clients"], /keeps something else under that name/],
    [["-A", "nobody"], /is no user and no client/],
  ] as const) {
    const { status, stderr } = await desk.type(["vault-item", "update", "passwords", "root", ...words]);
    assert.notEqual(status, 0);
    assert.match(stderr, said);
  }
  const named = await desk.type(["vault-item", "create", "passwords", "a_keys", "-J", "values.json"]);
  assert.match(named.stderr, /for the keys of other items/);
  const gone = await desk.type(["vault-item", "update", "passwords", "root", "-C", "nobody"]);
  assert.equal(gone.status, 0);
  assert.match(gone.stderr, /"nobody": has no public key, and is left out/);
});
