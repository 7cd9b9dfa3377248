/**
 * Jobs of several steps, or with a secret that is used once, on a real server that is killed with SIGKILL at random
 * moments: afterwards it is as before or as after, and everyone can go on.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { BodyOf } from "../../src/api/shapes.ts";
import { isKeywardError, type KeywardError } from "../../src/base/errors.ts";
import { asNode, createMachine, enrol, type Killable, type Machine, startKillable } from "./killable.ts";

let house: Killable;
before(async () => {
  house = await startKillable();
});
after(() => house.end());

const refused = (code: KeywardError["code"]) => (error: unknown) => isKeywardError(error, code);

async function joinToken(node?: string): Promise<string> {
  const body = { attributes: { role: "web" }, ...(node === undefined ? {} : { node }) };
  return (await house.admin.call("joinToken.create", { body })).token;
}

async function newNode(name: string): Promise<Machine> {
  const machine = createMachine(name);
  await enrol(house, machine, await joinToken(name));
  return machine;
}

test("a one-time token makes one node and no second one, whenever the server is killed, and that node goes on", async () => {
  const aim = { within: 100 };
  for (let round = 1; round <= 10; round++) {
    // Bound to a name, two machines want to be it; not bound, they want to be two nodes.
    const bound = round % 2 === 0 ? `bound-${round}` : undefined;
    const names = bound === undefined ? [`left-${round}`, `right-${round}`] : [bound];
    const machines = [createMachine(names[0] ?? ""), createMachine(names.at(-1) ?? "")];
    const token = await joinToken(bound);
    const all = () => machines.map((machine) => enrol(house, machine, token));
    await house.killDuring(() => Promise.any(all()), aim);
    const again = await Promise.allSettled(all());
    assert.deepEqual(again.map(({ status }) => status).sort(), ["fulfilled", "rejected"]);
    for (const one of again)
      if (one.status === "rejected") assert.ok(refused("denied")(one.reason), one.reason);
    const winner = machines[again.findIndex(({ status }) => status === "fulfilled")];
    assert.ok(winner !== undefined);
    await asNode(house, winner).call("agent.bundle", { body: { held: [] } });
    await assert.rejects(enrol(house, createMachine(`third-${round}`), token), refused("denied"));
    const { nodes } = await house.admin.call("node.list", { query: { limit: "1000" } });
    const made = nodes.filter(({ name }) => names.includes(name) || name === `third-${round}`);
    assert.deepEqual(
      made.map(({ state, attributes }) => [state, attributes.attested]),
      [["active", { role: "web" }]],
    );
  }
});

test("a CA rotation that is killed has happened or has not; old and new trust both reach the server, and nodes renew", async () => {
  const node = await newNode("trusting");
  let trusted = house.program.ca();
  const aim = { within: 100 };
  for (let round = 1; round <= 10; round++) {
    const old = (await house.admin.call("ca.show", {})).certificates.map(({ fingerprint }) => fingerprint);
    const answer = await house.killDuring(() => house.admin.call("ca.rotate", { body: {} }), aim);
    const { certificates } = await house.client({ ca: trusted }).call("ca.show", {});
    const now = certificates.map(({ fingerprint }) => fingerprint);
    assert.deepEqual(now.slice(-old.length), old);
    assert.ok(
      now.length === old.length + 1 || (answer === null && now.length === old.length),
      `${now.length}`,
    );
    assert.deepEqual(
      certificates.map(({ state }) => state),
      now.map((_, i) => (i === 0 ? "issuing" : "trusted")),
    );
    const written = readFileSync(join(house.program.data, "ca.pem"), "utf8");
    assert.equal(written, certificates.map(({ pem }) => `${pem.trimEnd()}\n`).join(""));
    const machine = createMachine("trusting");
    const answered = await asNode(house, node).call("agent.renew", { body: { csr: machine.csr } });
    Object.assign(node, machine, { certificate: answered.certificate });
    await asNode(house, node).call("agent.bundle", { body: { held: [] } });
    // What the node was told to trust, and now and then only the newest or only the oldest of it.
    trusted = [answered.ca, answered.ca.slice(0, 1), answered.ca.slice(-1)][round % 3] ?? [];
  }
});

test("a seal that is added or removed when the server is killed is there or is not, and each that is there opens", async () => {
  /** What opens each. */
  const secrets = new Map<string, BodyOf<"seal.add">>();
  const list = async () => (await house.admin.call("seal.list", {})).seals.map(({ id }) => id);
  const [first = ""] = await list();
  const [aim, slow] = [{ within: 40 }, { within: 800 }];
  const unseal = (body: BodyOf<"seal.add">) => house.admin.call("seal.unseal", { body });
  for (let round = 1; round <= 10; round++) {
    const old = await list();
    const text = `${round} of the seals ${Math.random()} of this test ${Math.random()}`;
    const [oldest] = old.filter((id) => id !== first);
    const adds = oldest === undefined || round % 3 !== 0;
    const body: BodyOf<"seal.add"> =
      round === 2 ? { kind: "passphrase", passphrase: text } : { kind: "file", content: text };
    const answer = adds
      ? await house.killDuring(() => house.admin.call("seal.add", { body }), round === 2 ? slow : aim)
      : await house.killDuring(() => house.admin.call("seal.remove", { path: { id: oldest } }), aim);
    const now = await list();
    const added = now.filter((id) => !old.includes(id));
    const gone = old.filter((id) => !now.includes(id));
    assert.deepEqual(gone, adds || gone.length === 0 ? [] : [oldest]);
    assert.ok(added.length <= (adds ? 1 : 0));
    if (answer !== null) assert.equal(added.length + gone.length, 1, "acknowledged, and lost");
    for (const id of added) secrets.set(id, body);
    if (adds && added.length === 0) await assert.rejects(unseal(body), refused("wrong-key"));
    for (const id of gone) {
      await assert.rejects(unseal(secrets.get(id) ?? body), refused("wrong-key"));
      secrets.delete(id);
    }
    if (added.length > 0) await unseal(body);
  }
  await house.admin.call("seal.seal", {});
  await assert.rejects(house.admin.call("key.list", {}), refused("sealed"));
  const content = readFileSync(join(house.program.data, "seal.key"), "utf8");
  for (const secret of [...secrets.values(), { kind: "file", content } as const]) await unseal(secret);
});

test("after all these kills the audit log is intact", async () => {
  const { intact, problems } = await house.admin.call("audit.verify", { body: {} });
  assert.deepEqual({ intact, problems }, { intact: true, problems: [] });
});
