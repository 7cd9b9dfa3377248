/** A recovery key that a running agent makes by itself, with a real server and a real LUKS header on an image file. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { peekVolumes } from "../../src/agent/peek.ts";
import { fromBase64, toBase64 } from "../../src/base/bytes.ts";
import { Secret } from "../../src/base/secret.ts";
import { x25519ToSpki } from "../../src/crypto/agree.ts";
import { systemRandom } from "../../src/crypto/random.ts";
import { openShare, peekShare } from "../../src/formats/escrow/escrow.ts";
import { generateRecipient, type Recipient } from "../../src/formats/hpke/keys.ts";
import { parseShare } from "../../src/formats/seed/seed.ts";
import { joinShares } from "../../src/seed/shares.ts";
import { until } from "./until.ts";
import { BUDGET, everything, grant, name, putKey, setUp } from "./volume-rig.ts";

const people = new Map(
  ["alice", "bob", "carol", "dave"].map((who) => [who, generateRecipient(systemRandom)]),
);
const holder = (who: string) => ({ name: who, key: toBase64(x25519ToSpki(pairOf(who).publicKey)) });
const pairOf = (who: string): Recipient => people.get(who) ?? assert.fail(who);
const escrowOf = (threshold: number, ...who: string[]) => ({
  escrow: { threshold, shares: who.length, holders: who.map(holder) },
});

type Rig = Awaited<ReturnType<typeof setUp>>;

/** As those people do it together. */
async function recoveryKey({ admin }: Rig, ...who: string[]): Promise<Secret> {
  const { shares } = await admin.call("disk.shares", { body: { node: "db1", name } });
  const opened = who.map((one) => {
    const sealed = fromBase64(shares.find(({ holder: of }) => of === one)?.sealed ?? "", "share");
    const text = openShare(sealed, pairOf(one)) ?? assert.fail(one);
    const share = parseShare(text.reveal(), one);
    assert.equal(share.index, peekShare(sealed).index);
    return share;
  });
  return (await joinShares(opened)).seed;
}

const generation = (count: number) => (row: Awaited<ReturnType<Rig["volume"]>>) =>
  row?.recovery?.generation === count && row.recovery.due === undefined;

async function settledOn({ host, device }: Rig, count: number): Promise<void> {
  let tokens: string[] = [];
  await until(`the header has recovery key ${count} alone`, () => {
    void host.luks.tokens(device).then(
      (all) => (tokens = all.flatMap(({ key, version }) => (key === "recovery" ? [`${version}`] : []))),
      () => {},
    );
    return tokens.join() === `${count}`;
  });
}

test("the agent makes the recovery key that a grant wants, and only its holders together have it", async (t) => {
  const rig = await setUp(t);
  const { admin, start, host, device, root, logged, settled, volume, state } = rig;
  await host.luks.format(device, await putKey(admin));
  await grant(admin, device, {}, escrowOf(2, "alice", "bob", "carol"));
  start();
  await settled("the server has its shares", generation(1));
  await settledOn(rig, 1);
  assert.deepEqual((await volume())?.recovery?.holders, ["alice", "bob", "carol"]);
  const first = await recoveryKey(rig, "alice", "carol");
  assert.notEqual(await host.luks.fits(device, first), null);
  assert.ok((await recoveryKey(rig, "carol", "bob")).equals(first));
  await assert.rejects(recoveryKey(rig, "bob"), { code: "usage" });
  for (const form of ["base64", "hex", "latin1"] as const) {
    const text = Buffer.from(first.reveal()).toString(form);
    assert.equal(everything(root).includes(Buffer.from(text, form === "latin1" ? "latin1" : "utf8")), false);
    assert.equal(logged.join("\n").includes(text), false, form);
  }
  assert.ok((await volume())?.recovery?.fetched !== undefined);

  await admin.call("disk.renew", { body: { node: "db1", name } });
  await settled("another one", generation(2));
  await settledOn(rig, 2);
  const second = await recoveryKey(rig, "alice", "bob");
  assert.equal(await host.luks.fits(device, first), null, "the one of before is gone");
  assert.notEqual(await host.luks.fits(device, second), null);
  assert.equal((await volume())?.failed, undefined);
  await until("the agent knows", () => peekVolumes(state)[0]?.recovery?.generation === 2);

  const answer = await admin.call("grant.list", {});
  await admin.call("grant.remove", { path: { id: answer.grants[0]?.id ?? "" } });
  await grant(admin, device, {}, escrowOf(3, "alice", "bob", "dave"));
  await settled("other holders have it", generation(3));
  await settledOn(rig, 3);
  const third = await recoveryKey(rig, "alice", "bob", "dave");
  assert.notEqual(await host.luks.fits(device, third), null);
  assert.equal(await host.luks.fits(device, second), null);
  const slots = (await host.luks.slots(device)).length;
  assert.deepEqual([slots, await host.luks.intents(device)], [2, []]);
});

test("a recovery key that was used is made anew at the next opening, by a command as by the agent", async (t) => {
  const rig = await setUp(t);
  const { admin, start, beside, host, device, settled, open } = rig;
  await host.luks.format(device, await putKey(admin));
  await grant(admin, device, {}, escrowOf(2, "alice", "bob"));
  const stop = start();
  await settled("the server has its shares", generation(1));
  await settledOn(rig, 1);
  await stop();
  const first = await recoveryKey(rig, "alice", "bob");
  const slot = (await host.luks.fits(device, first)) ?? assert.fail();
  // As `keyward unlock` does when it opens with it.
  await host.luks.mark(device, { slot, key: "recovery", version: 0 });
  await host.luks.close(name);
  const volumes = await beside();
  const unlocked = await volumes.unlock(name, BUDGET, AbortSignal.timeout(120_000));
  assert.deepEqual([unlocked.failures, unlocked.recovery?.generation], [[], 2]);
  assert.equal(open.get(name), device);
  assert.equal(await host.luks.fits(device, first), null);
  assert.notEqual(await host.luks.fits(device, await recoveryKey(rig, "bob", "alice")), null);
  await assert.rejects(
    volumes.escrow(name, Secret.take(systemRandom(32)), BUDGET, AbortSignal.timeout(120_000)),
    { code: "conflict", message: /its grant names who holds shares/ },
  );
});

test("a volume opens also when there is no room for its recovery key; the server hears why, until there is one", async (t) => {
  const rig = await setUp(t);
  const { admin, start, host, device, settled, open } = rig;
  const key = await putKey(admin);
  await host.luks.format(device, key);
  while ((await host.luks.slots(device)).length < 32)
    await host.luks.addKey(device, key, Secret.take(systemRandom(32)));
  await grant(admin, device, {}, escrowOf(2, "alice", "bob"));
  const stop = start();
  await settled("the server hears why", (row) => /all 32 key slots are in use/.test(row?.failed ?? ""));
  assert.equal(open.get(name), device);
  await stop();
  await host.luks.killSlot(device, 7, key);
  start();
  await settled("there is one", generation(1));
  await settledOn(rig, 1);
  await settled("and nothing is said against it", (row) => row?.failed === undefined);
});
