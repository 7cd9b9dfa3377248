/** A vault on long walks of random changes, every third of them cut off somewhere: nobody who stays is locked out. */
import assert from "node:assert/strict";
import { createPublicKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import { test } from "node:test";
import { isKeywardError } from "../../src/base/errors.ts";
import type { ExactJson } from "../../src/base/exact-json.ts";
import { type ChangeNeeds, changeVault, type VaultChange } from "../../src/chef/vault/changing.ts";
import { createVault } from "../../src/chef/vault/creating.ts";
import { openVault, readKeys, type VaultAt } from "../../src/chef/vault/vault.ts";
import { notesIdOf } from "../../src/formats/chefvault/chefvault.ts";
import { type DataBagVersion, PlainItem } from "../../src/formats/databag/databag.ts";
import type { DataBagItemId, DataBagName } from "../../src/model/data-bag.ts";
import { type Bags, PowerCut, placeOf } from "./bags.ts";

const WALKS = 24;
const STEPS = 10;
const bag = "b" as DataBagName;
const name = "v" as DataBagItemId;
const clients = ["w1", "w2", "w3", "w4"];
const people = new Map<string, KeyObject>();
for (const one of ["alice", "bob", ...clients])
  people.set(one, generateKeyPairSync("rsa", { modulusLength: 1024 }).privateKey);
const publicKey = (one: string): KeyObject | null => {
  const key = people.get(one);
  return key === undefined ? null : createPublicKey(key);
};

/** Numbers below a limit, the same for the same seed. */
type Draw = (below: number) => number;
function drawsOf(seed: number): Draw {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    return (state >> 8) % below;
  };
}

function changeOf(draw: Draw, password: string | null): VaultChange {
  const some = (names: readonly string[]): string[] => names.filter(() => draw(3) === 0);
  const one = (of: number): boolean => draw(of) === 0;
  const mode = draw(8);
  return {
    ...(one(3) ? { addClients: some(clients) } : {}),
    ...(one(4) ? { addAdmins: some(["bob"]) } : {}),
    ...(one(3) ? { removeClients: some(clients), removeAdmins: some(["bob"]), rotate: true } : {}),
    ...(one(6) ? { search: `tags:x${draw(3)}` } : {}),
    ...(mode < 2 ? { mode: mode === 0 ? ("sparse" as const) : ("default" as const) } : {}),
    ...(one(4) ? { rotate: true } : {}),
    refresh: one(4),
    clean: one(6),
    cleanUnknown: one(6),
    wrapAgain: one(4),
    ...(password === null ? {} : { values: () => plain(password) }),
  };
}

const plain = (password: string): PlainItem =>
  new PlainItem(
    new Map<string, ExactJson>([
      ["id", name],
      ["password", password],
    ]),
  );

/** What each reads; who cannot is left out. */
async function readsOf(at: VaultAt): Promise<Map<string, string>> {
  const reads = new Map<string, string>();
  for (const [one, key] of people) {
    try {
      using vault = await openVault(at, { name: one, key });
      reads.set(one, String(vault.plain.get("password")));
    } catch (error) {
      assert.ok(isKeywardError(error), String(error));
    }
  }
  return reads;
}

async function walk(seed: number): Promise<void> {
  const draw = drawsOf(seed);
  const bags: Bags = new Map();
  const at = (writes?: number): VaultAt => ({ place: placeOf(bags, writes), bag, name });
  let found: string[] = ["w1", "w2"];
  const needs = (): ChangeNeeds => ({
    reader: { name: "alice", key: people.get("alice") ?? assert.fail() },
    directory: {
      client: async (one) => publicKey(one),
      admin: async (one) => publicKey(one),
      search: async () => found,
    },
    version: (1 + draw(3)) as DataBagVersion,
    dryRun: false,
    note: () => {},
  });
  const mode = draw(2) === 0 ? "sparse" : "default";
  const values = async (): Promise<ReadonlyMap<string, ExactJson>> => new Map([["password", "first"]]);
  await createVault(at(), { addClients: ["w3"], addAdmins: [], search: "tags:x", mode }, values, needs());
  let before = await readsOf(at());
  for (let step = 0; step < STEPS; step++) {
    const what = `seed ${seed}, step ${step}`;
    found = clients.filter(() => draw(3) > 0);
    const next = draw(2) === 0 ? `of step ${step}` : null;
    const change = changeOf(draw, next);
    const writes = draw(3) === 0 ? draw(8) : undefined;
    const whole = await changeVault(at(writes), change, needs()).then(
      () => true,
      (error) => {
        assert.ok(error instanceof PowerCut || isKeywardError(error), String(error));
        return false;
      },
    );
    const after = await readsOf(at());
    const { keys } = await readKeys(at());
    const listed = new Set([...keys.admins, ...keys.clients]);
    const old = before.get("alice");
    for (const one of people.keys()) {
      if (whole) assert.equal(after.get(one), listed.has(one) ? (next ?? old) : undefined, `${what}, ${one}`);
      else if (before.has(one) && listed.has(one))
        assert.ok([old, next].includes(after.get(one) ?? assert.fail(`${what}: ${one} is locked out`)));
    }
    if (whole) assertTidy(bags, listed.size, keys, what);
    before = after;
  }
}

function assertTidy(
  bags: Bags,
  readers: number,
  { mode, next }: Awaited<ReturnType<typeof readKeys>>["keys"],
  what: string,
): void {
  const ids = [...(bags.get(bag)?.keys() ?? [])];
  const own = ids.filter((id) => id.includes("_key_") && id !== notesIdOf(name));
  assert.equal(own.length, mode === "sparse" ? readers : 0, what);
  assert.equal(next, null, what);
}

test("whatever is changed, and wherever it is cut off, who stays reads, and who is not listed does not", async () => {
  for (let seed = 1; seed <= WALKS; seed++) await walk(seed);
});
