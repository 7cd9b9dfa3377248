import assert from "node:assert/strict";
import { test } from "node:test";
import { Secret } from "../base/secret.ts";
import { systemClock } from "../base/time.ts";
import { systemRandom } from "../crypto/random.ts";
import type { DiskHost } from "../disk/disk.ts";
import type { VersionNumber } from "../model/key.ts";
import type { NodeName } from "../model/name.ts";
import type { VolumeAnswer } from "./ask-volume.ts";
import { tendEscrow } from "./volume-escrow.ts";

const never = { get: () => assert.fail("the disk was touched") };
const parts = {
  host: new Proxy({}, never) as DiskHost,
  ...{ node: "db1" as NodeName, random: systemRandom, clock: systemClock },
};
const holders = ["alice", "bob"].map((name) => ({ name, key: "" }));
const answer = (escrow: object | undefined, more: object = {}) =>
  ({
    delivery: { name: "data", device: "/dev/sdb", escrow },
    recovery: { generation: 0, due: true },
    from: { call: () => assert.fail("the server was told"), challenge: "" },
    ...more,
  }) as unknown as VolumeAnswer;
const stored = { version: 1 as VersionNumber, value: Secret.take(systemRandom(32)) };
const plan = { threshold: 2, shares: 2 };

test("the server, which does not have a derived key, does not get at its volume by naming holders", async () => {
  const derived = { ...stored, from: {} as never };
  await assert.rejects(tendEscrow(parts, answer({ ...plan, holders }), derived), {
    code: "denied",
    message: /its key is derived here/,
  });
});

test("without holders, without a server, or from one that knows of none, no recovery key is made", async () => {
  for (const one of [
    answer(undefined),
    answer(plan),
    answer({ ...plan, holders }, { from: null }),
    answer({ ...plan, holders }, { recovery: undefined }),
  ])
    assert.equal(await tendEscrow(parts, one, stored), null);
});
