/** A staged rotation through the real keyring, root key and store: deliver, prove, promote, and a restart at each step. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { createJournal } from "../../src/audit/journal.ts";
import { fromBase64, toBase64 } from "../../src/base/bytes.ts";
import { Secret } from "../../src/base/secret.ts";
import { systemClock } from "../../src/base/time.ts";
import { systemRandom } from "../../src/crypto/random.ts";
import { createFleet, prove } from "../../src/fleet/fleet.ts";
import { createKeyring } from "../../src/keyring/keyring.ts";
import { parseKeyName, parseNodeName } from "../../src/model/name.ts";
import { noAttributes } from "../../src/model/node.ts";
import type { Principal } from "../../src/model/principal.ts";
import { nodes } from "../../src/records/records.ts";
import { createRootKey } from "../../src/seal/root-key.ts";
import { openSqlite } from "../../src/store/sqlite/sqlite.ts";
import { createTransact } from "../../src/store/transaction.ts";
import { until } from "../waiting.ts";

const me: { by: Principal } = { by: { kind: "local", name: "root" } };
const system: { by: Principal } = { by: { kind: "system", name: "schedule" } };
const key = parseKeyName("db/x");
const names = ["web1", "web2", "web3"].map(parseNodeName);
const keyFile = () => ({ kind: "file", content: Secret.fromText("0123456789abcdef".repeat(16)) }) as const;

let directory: string;
let house: Awaited<ReturnType<typeof open>>;

async function open() {
  const store = await openSqlite({ directory });
  const transact = createTransact(store);
  const needs = { clock: systemClock, random: systemRandom, transact };
  const rootKey = createRootKey(needs);
  if ((await rootKey.load()) === "uninitialised") await rootKey.initialise([keyFile()]);
  else await rootKey.unseal(keyFile());
  const signer = { sign: () => null, publicKey: new Uint8Array(32) };
  const journal = createJournal({ store, transact, clock: systemClock, signer });
  const keyring = createKeyring({ ...needs, journal, rootKey });
  const fleet = await createFleet({ ...needs, store, journal, rootKey, openVersion: keyring.openVersion });
  const end = async (): Promise<void> => {
    fleet.close();
    await journal.close();
    await store.close();
  };
  /** As the server puts the two together. */
  const join = (): void => {
    fleet.onProved(async (name, version) => void (await keyring.promote(system, name, version)));
  };
  return { transact, keyring, fleet, end, join };
}

async function restart(): Promise<void> {
  await house.end();
  house = await open();
}

async function deliverAndProve(node: (typeof names)[number]): Promise<string> {
  const caller = { by: { kind: "node", name: node } } as const;
  const { entries, challenge } = await house.fleet.bundleFor(caller, []);
  const { version = 0, value = "" } = entries[0] ?? {};
  using secret = Secret.take(fromBase64(value, "value"));
  const proof = toBase64(prove(fromBase64(challenge, "challenge"), { node, key, version }, secret));
  const nothing = { withdrawn: [], drift: [], failures: [] };
  const { accepted } = await house.fleet.report(caller, {
    ...nothing,
    challenge,
    proofs: [{ key, version, proof }],
  });
  assert.equal(accepted.length, 1);
  return value;
}

const states = async () => (await house.keyring.show(me, key)).versions.map((version) => version.state.kind);

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "keyward-rotation-"));
  house = await open();
  await house.keyring.generate(me, key, { kind: "random", bytes: 32, encoding: "base64" });
  await house.transact((tx) => {
    for (const name of names)
      nodes.put(tx, { name, state: "active", created: systemClock(), attributes: noAttributes });
  });
  const delivery = { kind: "file", path: "/run/x", mode: 0o400, offline: "never" } as const;
  await house.fleet.grants.add(me, { key, query: "name:web*", delivery });
});

afterEach(async () => {
  await house.end();
  await rm(directory, { recursive: true });
});

describe("a staged rotation", () => {
  it("makes the new version primary once every node has proved it, whatever was restarted in between", async () => {
    const before = await Promise.all(names.map(deliverAndProve));
    await house.keyring.rotate(me, key, { staged: true });
    await restart();
    assert.deepEqual(await states(), ["primary", "pending"]);
    const after: string[] = [];
    for (const name of names) {
      after.push(await deliverAndProve(name));
      assert.deepEqual(await states(), ["primary", "pending"]);
      await restart();
    }
    assert.equal(new Set([...before, ...after]).size, 2);
    house.join();
    await until("it is promoted", async () => (await states())[1] === "primary");
    assert.deepEqual(await states(), ["retiring", "primary"]);
    assert.deepEqual((await house.fleet.plan(me)).lines, []);
    assert.deepEqual(
      house.fleet.recipients(key).map(({ node, version, proved }) => [node, version, proved !== undefined]),
      names.map((name) => [name, 2, true]),
    );
  });

  it("is not held up by a node that is revoked", async () => {
    house.join();
    await house.keyring.rotate(me, key, { staged: true });
    await deliverAndProve(names[0] ?? parseNodeName("none"));
    await deliverAndProve(names[1] ?? parseNodeName("none"));
    assert.deepEqual(await states(), ["primary", "pending"]);
    await house.fleet.nodes.revoke(me, "web3");
    await until("it is promoted", async () => (await states())[1] === "primary");
  });
});
