/** A machine's seed in real firmware, through `src/adapters/uefi`. `KW_PHASE`: which boot. */
import assert from "node:assert/strict";
import { constants } from "node:fs";
import { createEfivars } from "../../../src/adapters/uefi/efivars.ts";
import { createUefi, variableNames } from "../../../src/adapters/uefi/uefi.ts";
import { isKeywardError } from "../../../src/base/errors.ts";
import { check, guest, mark } from "./report.ts";

const efivars = createEfivars();
const place = createUefi(efivars);

/** Of the size of a sealed seed; what is in it is not the place's matter. */
const envelope = (fill: number): Uint8Array => new Uint8Array(300).fill(fill);
const holds = async (fill: number): Promise<void> =>
  assert.deepEqual(await place.read("current"), envelope(fill));

const { O_CREAT, O_EXCL, O_WRONLY } = constants;
const FILLER = `KeywardTestFiller-${variableNames.current.slice(-36)}`;
/** Another value each time: the firmware does not write one that is there already. */
const value = (round: number): Buffer => Buffer.concat([Buffer.of(7, 0, 0, 0), Buffer.alloc(8192, round)]);

function overwrite(round: number, flags: number): string {
  const handle = efivars.open(FILLER, flags, 0o600);
  try {
    efivars.write(handle, value(round));
    return "done";
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? "";
  } finally {
    efivars.close(handle);
  }
}

const phases: Readonly<Record<string, () => Promise<void>>> = {
  async first() {
    await check("a machine without a seed says so", async () => {
      assert.equal(await place.read("current"), null);
      assert.deepEqual(await place.inspect(), { warnings: [] });
    });
    await check("a ghost is no seed, and is said", async () => {
      efivars.close(efivars.open(variableNames.current, O_WRONLY | O_CREAT | O_EXCL, 0o600));
      assert.equal(await place.read("current"), null);
      assert.match((await place.inspect()).warnings.join(), /is empty: who made it was killed/);
    });
    await check("the seed is written over the ghost, for root alone", async () => {
      await place.create(envelope(1));
      await holds(1);
      assert.equal((await place.inspect()).mode, 0o600);
    });
    await check("a second one is refused", async () => {
      await assert.rejects(place.create(envelope(9)), (error) => isKeywardError(error, "conflict"));
      await holds(1);
    });
    mark("created");
  },

  async second() {
    await check("the seed survives the power cut", () => holds(1));
    await check("after the boot others could read it: that is said, and set right", async () => {
      assert.equal((await place.inspect()).mode, 0o644);
      assert.match((await place.protect()).join(), /others could read it \(mode 0644\)/);
      assert.equal((await place.inspect()).mode, 0o600);
      assert.deepEqual(await place.protect(), []);
      assert.throws(() => efivars.chmod(variableNames.current, 0o644), { code: "EPERM" });
    });
    await check("the next seed is staged beside it", async () => {
      await place.stage(envelope(2));
      await holds(1);
    });
    mark("staged");
  },

  async third() {
    await check("a staged seed survives the power cut, and becomes the current one", async () => {
      await holds(1);
      assert.deepEqual(await place.read("next"), envelope(2));
      await place.commit();
      await holds(2);
    });
    await check("what is no longer staged is erased", async () => {
      await place.erase();
      assert.equal(await place.read("next"), null);
    });
    mark("committed");
  },

  async fourth() {
    await check("the new seed survives the power cut", () => holds(2));
    await check("on a full store no seed is staged, and the current one stays", async () => {
      overwrite(0, O_WRONLY | O_CREAT | O_EXCL);
      await efivars.setImmutable(FILLER, false);
      for (let round = 1; overwrite(round, O_WRONLY) === "done"; ) round++;
      await assert.rejects(place.stage(envelope(3)), (error) => {
        assert.ok(isKeywardError(error, "local"));
        assert.match(error.message, /store is full/);
        assert.match(error.hint ?? "", /reboot/);
        return true;
      });
      await holds(2);
      assert.equal(await place.read("next"), null);
    });
    await check("on a full store the mode can be set right", async () => {
      await place.protect();
      assert.equal((await place.inspect()).mode, 0o600);
    });
  },

  async fifth() {
    await check("after a reboot there is room again", async () => {
      await holds(2);
      await place.stage(envelope(3));
      await place.commit();
      await place.erase();
      await holds(3);
    });
  },

  async absent() {
    await check("a machine without UEFI has no place for a seed there, and says so", async () => {
      await assert.rejects(place.read("current"), (error) => {
        assert.ok(isKeywardError(error, "local"));
        assert.match(error.message, /no UEFI variables on this machine/);
        return true;
      });
    });
  },
};

void guest(phases[process.env.KW_PHASE ?? ""] ?? assert.fail);
