/**
 * A staged rotation on a real server that is killed in each of its steps: pending, delivered, proved, primary. The
 * nodes do what agents do: ask, prove, and ask again.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { fromBase64, toBase64 } from "../../src/base/bytes.ts";
import { Secret } from "../../src/base/secret.ts";
import { prove } from "../../src/fleet/fleet.ts";
import { until } from "../waiting.ts";
import { asNode, createMachine, enrol, type Killable, type Machine, startKillable } from "./killable.ts";

const name = "rotated/key";
const path = { name };

/** What a node holds: the newest version that it was given, and its value. */
interface Node extends Machine {
  readonly name: string;
  held: { readonly version: number; readonly value: string } | null;
}

let house: Killable;
const nodes: Node[] = ["one", "two", "three"].map((node) => ({
  ...createMachine(node),
  name: node,
  held: null,
}));

before(async () => {
  house = await startKillable();
  const { admin } = house;
  const recipe = { kind: "random", bytes: 32, encoding: "hex" } as const;
  await admin.call("key.generate", { path, body: { recipe } });
  const delivery = { kind: "file", path: "rotated.key", mode: 0o400, offline: "never" } as const;
  await admin.call("grant.add", { body: { key: name, query: "role:web", delivery } });
  for (const node of nodes) {
    const body = { node: node.name, attributes: { role: "web" } };
    await enrol(house, node, (await admin.call("joinToken.create", { body })).token);
    await report(node, await ask(node));
  }
});
after(() => house.end());

/** Ask for what it should hold. @returns The challenge to prove it with. */
async function ask(node: Node): Promise<string> {
  const held = node.held === null ? [] : [{ key: name, version: node.held.version }];
  const bundle = await asNode(house, node).call("agent.bundle", { body: { held } });
  const [entry] = bundle.entries;
  assert.equal(bundle.entries.length, 1);
  assert.ok(entry !== undefined);
  if (entry.value !== undefined) node.held = { version: entry.version, value: entry.value };
  assert.equal(node.held?.version, entry.version);
  return bundle.challenge;
}

/** @returns Was it believed? */
async function report(node: Node, challenge: string): Promise<boolean> {
  assert.ok(node.held !== null);
  const { version } = node.held;
  using value = Secret.take(fromBase64(node.held.value, "value"));
  const claim = { node: node.name, key: name, version };
  const proof = toBase64(prove(fromBase64(challenge, "challenge"), claim, value));
  const nothing = { withdrawn: [], drift: [], failures: [] };
  const body = { challenge, proofs: [{ key: name, version, proof }], ...nothing };
  const { accepted } = await asNode(house, node).call("agent.report", { body });
  return accepted.length === 1;
}

const states = async () =>
  (await house.admin.call("key.show", { path })).versions.map(
    ({ number, state }) => `${number} ${state.kind}`,
  );

async function delivered(node: Node): Promise<{ version: number; proved: boolean } | undefined> {
  const { deliveries } = await house.admin.call("key.history", { path });
  const found = deliveries.find((one) => one.node === node.name);
  return found && { version: found.version, proved: found.proved !== undefined };
}

const served = async () => (await house.admin.call("key.get", { path })).version;

test("a staged rotation goes through, in order and once, with the server killed in every step of it", async () => {
  const aims = { rotate: { within: 60 }, ask: { within: 60 }, report: { within: 60 } };
  for (let old = 1; old <= 3; old++) {
    const pending = old + 1;
    const rotate = () => house.admin.call("key.rotate", { path, body: { staged: true } });
    const rotated = await house.killDuring(rotate, aims.rotate);
    if (rotated === null && (await states()).length === old) await rotate();
    assert.deepEqual((await states()).slice(-2), [`${old} primary`, `${pending} pending`]);
    for (const node of nodes) {
      assert.equal(await served(), old);
      const fetched = await house.killDuring(() => ask(node), aims.ask);
      assert.equal(await served(), old);
      const challenge = fetched ?? (await ask(node));
      assert.equal(node.held?.version, pending);
      assert.deepEqual(await delivered(node), { version: pending, proved: false });
      // Of the last one, too: then it is killed while it makes the version primary.
      const answered = await house.killDuring(() => report(node, challenge), aims.report);
      assert.ok(answered ?? (await report(node, await ask(node))), "the proof is believed");
      assert.deepEqual(await delivered(node), { version: pending, proved: true });
    }
    await until(`version ${pending} is primary`, async () => (await served()) === pending);
    assert.deepEqual(
      await states(),
      Array.from({ length: pending }, (_, n) => `${n + 1} ${n === old ? "primary" : "retiring"}`),
    );
    const { value } = await house.admin.call("key.get", { path });
    for (const { held } of nodes) assert.deepEqual(held, { version: pending, value });
    assert.deepEqual((await house.admin.call("plan.show", { query: {} })).lines, []);
  }
  const { intact } = await house.admin.call("audit.verify", { body: {} });
  assert.ok(intact);
  const { events } = await house.admin.call("audit.list", { query: { resource: name, limit: "1000" } });
  const made = events.filter(({ by, action }) => action === "key:write" && by === "system:schedule");
  assert.deepEqual(
    made.map(({ detail }) => detail?.version),
    [2, 3, 4],
  );
});
