import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { copyFileSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { createLuks } from "../adapters/luks/luks.ts";
import { isKeywardError, KeywardError } from "../base/errors.ts";
import { Secret } from "../base/secret.ts";
import { systemRandom } from "../crypto/random.ts";
import { type EscrowParts, escrowVolume, isRecoveryDue, type KeptRecovery } from "./escrow.ts";

const root = mkdtempSync(join(tmpdir(), "keyward-escrow-"));
after(() => rmSync(root, { recursive: true }));
const luks = createLuks();

/** A volume that its key opens, and a passphrase that somebody added by hand. */
async function bench(where: string) {
  const directory = mkdtempSync(join(root, `${where}-`));
  const device = join(directory, "device");
  const [key, byHand] = [systemRandom(32), systemRandom(32)];
  writeFileSync(join(directory, "key"), key);
  writeFileSync(device, "");
  truncateSync(device, 20 * 1024 * 1024);
  await luks.format(device, Secret.copy(key));
  await luks.addKey(device, Secret.copy(key), Secret.copy(byHand));
  const opener = async () => ({ slot: 0, value: Secret.copy(key) });
  return { directory, device, byHand: Secret.copy(byHand), opener };
}

type Bench = Awaited<ReturnType<typeof bench>>;

function escrowIn({ device, directory }: Pick<Bench, "device" | "directory">, when = "", which = 0) {
  const script = join(import.meta.dirname, "../../test/disk/escrowing.ts");
  return spawnSync(process.execPath, [script, device, directory, when, String(which)], { encoding: "utf8" });
}

interface Kept {
  readonly generation: number;
  readonly key: string;
}

const keptIn = (directory: string): Kept => JSON.parse(readFileSync(join(directory, "kept.json"), "utf8"));

/** What the shares that are kept give opens the volume. */
async function assertOpens({ device, directory, byHand }: Bench, where: string): Promise<void> {
  const { key } = keptIn(directory);
  const fits = await luks.fits(device, Secret.take(new Uint8Array(Buffer.from(key, "hex"))));
  assert.notEqual(fits, null, `${where}: the recovery key whose shares are kept does not open it`);
  assert.equal(await luks.fits(device, byHand), 1, `${where}: what was added by hand stays`);
}

async function assertDone(one: Bench, generation: number, where: string): Promise<void> {
  await assertOpens(one, where);
  assert.equal(keptIn(one.directory).generation, generation, where);
  assert.equal((await luks.slots(one.device)).length, 3, `${where}: no slot is left over`);
  assert.deepEqual(await luks.intents(one.device), [], where);
  const tokens = (await luks.tokens(one.device)).map(({ key, version }) => `${key}@${version}`);
  assert.deepEqual(tokens, [`recovery@${generation}`], where);
}

test("a killed escrow leaves a recovery key whose shares are kept, and the next run goes on from there", async () => {
  const whole = await bench("whole");
  assert.equal(escrowIn(whole).status, 0);
  await assertDone(whole, 1, "made");
  assert.deepEqual(JSON.parse(escrowIn(whole).stdout), { generation: null, steps: 0 }, "it stays");
  writeFileSync(join(whole.directory, "due"), "");
  const kept = readFileSync(join(whole.directory, "kept.json"));
  const pristine = join(whole.directory, "pristine");
  copyFileSync(whole.device, pristine);
  const said = escrowIn(whole);
  assert.equal(said.status, 0, said.stderr);
  await assertDone(whole, 2, "made anew");
  const { steps } = JSON.parse(said.stdout) as { steps: number };
  assert.ok(steps >= 6, said.stdout);
  for (const when of ["before", "after"])
    for (let which = 1; which <= steps; which++) {
      const where = `${when} step ${which}`;
      const one = { ...whole, device: join(whole.directory, `device-${when}-${which}`) };
      copyFileSync(pristine, one.device);
      writeFileSync(join(one.directory, "kept.json"), kept);
      assert.equal(escrowIn(one, when, which).signal, "SIGKILL", where);
      await assertOpens(one, where);
      // Handed over: then it is not wanted any more, and what was begun is finished.
      const { generation } = keptIn(one.directory);
      if (generation === 2) rmSync(join(one.directory, "due"));
      const again = escrowIn(one);
      assert.equal(again.status, 0, `${where}: ${again.stderr}`);
      await assertDone(one, 2, where);
      writeFileSync(join(one.directory, "due"), "");
      rmSync(one.device);
    }
});

const partsOf = (handOver: EscrowParts["handOver"]): EscrowParts => ({
  luks,
  random: systemRandom,
  idOf: () => "0123456789abcdef",
  handOver,
});

test("when nobody takes the shares, the recovery key of before stays, and no slot is left by the next one", async () => {
  const one = await bench("refused");
  const kept: { recovery?: KeptRecovery; key?: Secret } = {};
  const take: EscrowParts["handOver"] = async ({ value, ...about }) => {
    kept.recovery = about;
    kept.key = Secret.copy(value.reveal());
  };
  await escrowVolume(partsOf(take), one.device, await one.opener(), { generation: 0 });
  const before = kept.recovery ?? { generation: 0 };
  const refuse = async () => {
    throw new KeywardError("unreachable", "no server");
  };
  const due = { ...before, due: true as const };
  for (let i = 0; i < 2; i++)
    await assert.rejects(escrowVolume(partsOf(refuse), one.device, await one.opener(), due), (error) =>
      isKeywardError(error, "unreachable"),
    );
  assert.notEqual(await luks.fits(one.device, kept.key ?? one.byHand), null);
  assert.equal(await escrowVolume(partsOf(refuse), one.device, await one.opener(), before), null);
  assert.equal((await luks.slots(one.device)).length, 3);
  assert.deepEqual(await luks.intents(one.device), []);
});

test("a recovery key that was used, made by hand, or is another volume's is due; one that is kept is not", async () => {
  const one = await bench("due");
  const uuid = await luks.uuid(one.device);
  const kept: KeptRecovery = { generation: 3, id: "0123456789abcdef", uuid };
  assert.equal(await isRecoveryDue({ luks }, one.device, kept), true, "no slot of it");
  await luks.mark(one.device, { slot: 1, key: "recovery", version: 3 });
  assert.equal(await isRecoveryDue({ luks }, one.device, kept), false);
  assert.equal(await isRecoveryDue({ luks }, one.device, { ...kept, due: true }), true);
  assert.equal(await isRecoveryDue({ luks }, one.device, { ...kept, uuid: uuid.replace(/^./, "x") }), true);
  assert.equal(await isRecoveryDue({ luks }, one.device, { generation: 0 }), true);
  await luks.mark(one.device, { slot: 1, key: "recovery", version: 0 });
  assert.equal(await isRecoveryDue({ luks }, one.device, kept), true, "used");
});

test("a header that lies about an intent costs neither the volume's own slot nor one that is marked", async () => {
  const one = await bench("lies");
  await luks.mark(one.device, { slot: 1, key: "recovery", version: 1 });
  const uuid = await luks.uuid(one.device);
  const kept: KeptRecovery = { generation: 1, id: "0123456789abcdef", uuid };
  for (const slot of [0, 1, 5]) {
    const { device } = one;
    const text = { type: "keyward", keyslots: [], key: "recovery", version: "2", slot: `${slot}` };
    const file = join(one.directory, "intent.json");
    writeFileSync(file, JSON.stringify({ ...text, id: "00000000000000ff" }));
    const said = spawnSync("cryptsetup", ["token", "import", `--json-file=${file}`, device]);
    assert.equal(said.status, 0, String(said.stderr));
    assert.equal((await luks.intents(device)).length, 1);
    const none = await escrowVolume(
      partsOf(async () => assert.fail()),
      device,
      await one.opener(),
      kept,
    );
    assert.equal(none, null);
    assert.deepEqual(await luks.intents(device), []);
  }
  assert.deepEqual(
    (await luks.slots(one.device)).map(({ number }) => number),
    [0, 1],
  );
});
