/** `vault-item rotate-all-keys` on files, killed with SIGKILL again and again: readers read, and the last run ends it. */
import assert from "node:assert/strict";
import { createPublicKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import { mkdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { after, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { ExactJson } from "../../src/base/exact-json.ts";
import { placeInRepository } from "../../src/chef/data-bag/place.ts";
import { openRepository } from "../../src/chef/data-bag/repository.ts";
import { saveNew } from "../../src/chef/vault/saving.ts";
import { openVault } from "../../src/chef/vault/vault.ts";
import { keysIdOf } from "../../src/formats/chefvault/chefvault.ts";
import { PlainItem } from "../../src/formats/databag/databag.ts";
import type { DataBagItemId, DataBagName } from "../../src/model/data-bag.ts";
import { createDesk } from "./typed.ts";

const ITEMS = 24;
const ROUNDS = 5;
const bag = "secrets" as DataBagName;
const names = Array.from({ length: ITEMS }, (_, i) => `item${String(i).padStart(2, "0")}` as DataBagItemId);
const people = new Map<string, KeyObject>();
for (const one of ["alice", "web1", "web2"])
  people.set(one, generateKeyPairSync("rsa", { modulusLength: 1024 }).privateKey);

const desk = createDesk({ KEYWARD_CHEF_USER: "alice", KEYWARD_CHEF_KEY: "alice.key" });
const place = placeInRepository(openRepository(desk.folder, true));
after(() => desk.remove());

async function makeVaults(): Promise<void> {
  for (const folder of ["clients", "users"]) mkdirSync(path.join(desk.folder, folder));
  const readers = new Map<string, KeyObject>();
  for (const [one, key] of people) {
    readers.set(one, createPublicKey(key));
    const pem = createPublicKey(key).export({ type: "spki", format: "pem" }).toString();
    desk.write(`${one === "alice" ? "users" : "clients"}/${one}.pem`, pem);
  }
  const alice = people.get("alice")?.export({ type: "pkcs8", format: "pem" });
  desk.write("alice.key", String(alice));
  for (const [i, name] of names.entries()) {
    const keys = {
      id: keysIdOf(name),
      admins: ["alice"],
      clients: ["web1", "web2"],
      search: null,
      mode: i % 2 === 0 ? ("default" as const) : ("sparse" as const),
      wrapped: new Map<string, string>(),
      next: null,
      removed: [],
      named: [],
    };
    const plain = new PlainItem(
      new Map<string, ExactJson>([
        ["id", name],
        ["password", `of ${name}`],
      ]),
    );
    await saveNew({ place, bag, name }, keys, plain, readers, 3);
  }
}

async function assertAllRead(): Promise<number> {
  let broken = 0;
  for (const name of names)
    for (const [one, key] of people) {
      using vault = await openVault({ place, bag, name }, { name: one, key });
      assert.equal(vault.plain.get("password"), `of ${name}`, `${one}, ${name}`);
      if (vault.broken !== null) broken++;
    }
  return broken;
}

const contentOf = (name: string): string => {
  try {
    return readFileSync(path.join(desk.folder, "data_bags", bag, `${name}.json`), "utf8");
  } catch {
    return "";
  }
};

/** Killed when it has come to this item, wherever it is then. */
async function killAt(name: DataBagItemId): Promise<void> {
  const before = contentOf(keysIdOf(name)) + contentOf(`${name}_key_keyward.vault`);
  const child = desk.start(["vault-item", "rotate-all-keys"]);
  child.stdout?.resume();
  child.stderr?.resume();
  const ended = new Promise((resolve) => child.once("exit", resolve));
  while (
    child.exitCode === null &&
    contentOf(keysIdOf(name)) + contentOf(`${name}_key_keyward.vault`) === before
  )
    await sleep(1);
  child.kill("SIGKILL");
  await ended;
}

test("killed in the middle of rotations, every reader reads every vault, and the next run ends them", async () => {
  await makeVaults();
  for (let round = 1; round <= ROUNDS; round++) {
    await killAt(names[(round * ITEMS) / (ROUNDS + 1)] ?? assert.fail());
    await assertAllRead();
  }
  const { status, stderr } = await desk.type(["vault-item", "rotate-all-keys"]);
  assert.equal(status, 0, stderr);
  assert.equal(await assertAllRead(), 0);
});
