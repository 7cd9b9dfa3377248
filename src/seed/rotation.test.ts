import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { keysOf, makeMachine, openersForTest, placeForTest, readersOf } from "../../test/seed/machine.ts";
import { createSeedFile } from "../adapters/seed-file/seed-file.ts";
import { isKeywardError, KeywardError } from "../base/errors.ts";
import { Secret } from "../base/secret.ts";
import { systemClock } from "../base/time.ts";
import { systemRandom } from "../crypto/random.ts";
import { openLedger } from "../formats/ledger/ledger.ts";
import { createDelivery } from "../machine/ledger/deliver.ts";
import { createLedgerFile } from "../machine/ledger/ledger-file.ts";
import { parseKeyName } from "../model/name.ts";
import type { RealmKind, Scheme } from "../model/realm.ts";
import { newLedger, sealLedger } from "./ledger.ts";
import { addRealm } from "./realms.ts";
import { type RotationParts, resumeRotation, rollBack, rotateSeed, rotationState } from "./rotation.ts";
import { openMachineSeed, sealAnew } from "./seed.ts";

const top = mkdtempSync(join(tmpdir(), "keyward-rotation-"));
after(() => rmSync(top, { recursive: true }));
const code = (wanted: string, words: RegExp) => (error: unknown) =>
  isKeywardError(error) && error.code === wanted && words.test(error.message);

async function machine(): Promise<{ root: string; parts: RotationParts }> {
  const root = mkdtempSync(join(top, "machine-"));
  await makeMachine(root, "file");
  return { root, parts: await partsOf(root) };
}

async function partsOf(root: string): Promise<RotationParts> {
  return {
    place: await placeForTest(root, "file"),
    ledger: createLedgerFile(join(root, "ledger")),
    openers: openersForTest,
    deliver: createDelivery(),
    random: systemRandom,
    clock: systemClock,
  };
}

test("a rotation gives another seed, one generation on, and every reader its new key", async () => {
  const { root, parts } = await machine();
  const old = readersOf(root).map(({ file }) => readFileSync(file));
  const before = await openMachineSeed(parts.place, openersForTest);
  const { did, facts, delivered, undelivered } = await rotateSeed(parts);
  assert.deepEqual(
    { did, delivered, undelivered },
    { did: "rotated", delivered: ["disk/data", "ssh/host", "vpn"], undelivered: [] },
  );
  assert.equal(facts.generation, 2);
  assert.notEqual(facts.id, before.facts.id);
  assert.deepEqual(facts.opener, before.facts.opener);
  using now = await openMachineSeed(parts.place, openersForTest);
  assert.deepEqual(now.facts, facts);
  for (const [i, { file, key }] of (await keysOf(root, now)).entries()) {
    assert.deepEqual(readFileSync(file), Buffer.from(key));
    assert.ok(!readFileSync(file).equals(old[i] ?? Buffer.of()), file);
  }
  assert.equal(openLedger(readFileSync(join(root, "ledger"))).sequence, 4);
  assert.deepEqual(await rotationState(parts), { kind: "none" });
});

test("while keys are delivered the old seed is the machine's own, so that a reader can have both", async () => {
  const { parts } = await machine();
  const seen: number[] = [];
  const deliver = async (): Promise<void> => {
    using now = await openMachineSeed(parts.place, openersForTest);
    seen.push(now.facts.generation);
  };
  await rotateSeed({ ...parts, deliver });
  assert.deepEqual(seen, [1, 1, 1]);
});

test("a reader that fails stops the rotation, which goes on when it is mended", async () => {
  const { root, parts } = await machine();
  const program = readFileSync(join(root, "consumer"));
  writeFileSync(join(root, "consumer"), "#!/bin/sh\ncat > /dev/null; echo it says the key; exit 3\n");
  await assert.rejects(rotateSeed(parts), code("local", /"disk\/data".*ended with status 3$/));
  assert.equal((await rotationState(parts)).kind, "staged");
  await assert.rejects(resumeRotation(parts), code("local", /status 3/));
  writeFileSync(join(root, "consumer"), program);
  const resumed = await resumeRotation(parts);
  assert.equal(resumed?.did, "resumed");
  assert.equal(resumed?.facts.generation, 2);
  assert.equal(await resumeRotation(parts), null);
});

test("a rotation that was resumed gives the seed that was staged, not a third one", async () => {
  const { parts } = await machine();
  const failing = async (): Promise<never> => {
    throw new KeywardError("local", "no");
  };
  await assert.rejects(rotateSeed({ ...parts, deliver: failing }));
  const state = await rotationState(parts);
  const { facts } = await rotateSeed(parts);
  assert.ok(state.kind === "staged" && state.next.id === facts.id);
});

test("rolled back, every reader has the old key again", async () => {
  const { root, parts } = await machine();
  const files = readersOf(root).map(({ file }) => file);
  const old = files.map((file) => readFileSync(file));
  const stops = async ({ realm }: { realm: { name: string } }): Promise<void> => {
    if (realm.name === "vpn") throw new KeywardError("local", "no");
  };
  const deliver = createDelivery();
  await assert.rejects(
    rotateSeed({
      ...parts,
      async deliver(handover) {
        await stops(handover);
        await deliver(handover);
      },
    }),
  );
  assert.notDeepEqual(
    files.map((file) => readFileSync(file)),
    old,
  );
  await rollBack(parts);
  assert.deepEqual(
    files.map((file) => readFileSync(file)),
    old,
  );
  assert.deepEqual(await rotationState(parts), { kind: "none" });
  await assert.rejects(rollBack(parts), code("conflict", /no rotation was begun/));
});

test("what is staged and cannot be used is told, and only rolled back", async () => {
  const { root, parts } = await machine();
  writeFileSync(join(root, "seed.next"), "nonsense", { mode: 0o600 });
  await assert.rejects(rotateSeed(parts), code("conflict", /cannot be used/));
  await rollBack(parts);
  const bytes = Secret.take(systemRandom(32));
  const skipped = { scheme: "keyward-1", generation: 3 } as const;
  await parts.place.stage(await sealAnew(skipped, bytes, { kind: "key-file" }, openersForTest, systemRandom));
  await assert.rejects(rotateSeed(parts), code("conflict", /generation 3 does not follow 1/));
});

test("what can no longer open the seed stages nothing", async () => {
  const { parts } = await machine();
  const wrong = { keyFile: async () => Secret.fromText("another key file altogether, long enough 123") };
  await assert.rejects(rotateSeed({ ...parts, openers: wrong }), code("wrong-key", /another one/));
  assert.deepEqual(await rotationState(parts), { kind: "none" });
});

test("a ledger of another seed stops it before anything is staged", async () => {
  const [one, other] = [await machine(), await machine()];
  writeFileSync(join(one.root, "ledger"), readFileSync(join(other.root, "ledger")));
  await assert.rejects(rotateSeed(one.parts), code("wrong-key", /is of seed/));
  assert.deepEqual(await rotationState(one.parts), { kind: "none" });
});

test("a seed without a ledger is rotated alone", async () => {
  const { parts } = await machine();
  const { delivered, facts } = await rotateSeed({ ...parts, ledger: null });
  assert.deepEqual([delivered, facts.generation], [[], 2]);
});

test("a gokey seed becomes one of keyward-1, unless a kind of its ledger is gokey's alone", async () => {
  const rotated = async (kinds: Record<string, RealmKind>) => {
    const root = mkdtempSync(join(top, "gokey-"));
    const scheme: Scheme = "gokey-0.2";
    const place = createSeedFile(join(root, "seed"));
    const bytes = Secret.take(systemRandom(284));
    await place.create(
      await sealAnew({ scheme, generation: 1 }, bytes, { kind: "key-file" }, openersForTest, systemRandom),
    );
    using seed = await openMachineSeed(place, openersForTest);
    let ledger = newLedger(seed.seed, systemClock());
    for (const [name, kind] of Object.entries(kinds)) {
      const derivation = { scheme, realm: name, kind, purpose: "" };
      ledger = addRealm(
        ledger,
        seed.seed,
        { name: parseKeyName(name), derivation, encoding: "raw", version: 3 },
        systemClock(),
      );
    }
    writeFileSync(join(root, "ledger"), await sealLedger(ledger, seed.seed));
    const result = await rotateSeed({ ...(await partsOf(root)), place });
    return { result, ledger: openLedger(readFileSync(join(root, "ledger"))) };
  };
  const { result, ledger } = await rotated({ web: { kind: "ed25519" }, api: { kind: "raw", length: 16 } });
  assert.deepEqual(result.undelivered, ["api", "web"]);
  assert.equal(ledger.scheme, "keyward-1");
  assert.deepEqual(
    ledger.realms.map(({ versions }) => versions.map(({ number }) => number)),
    [[3], [3]],
  );
  await assert.rejects(rotated({ old: { kind: "pass", length: 12 } }), code("conflict", /"old" \(pass\)/));
});
