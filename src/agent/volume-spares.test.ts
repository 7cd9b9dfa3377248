import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { utf8 } from "../base/bytes.ts";
import { Secret } from "../base/secret.ts";
import type { DurationMs, UnixMs } from "../base/time.ts";
import { systemRandom } from "../crypto/random.ts";
import { hostKey } from "../formats/bundle/bundle.ts";
import type { GrantId } from "../model/grant.ts";
import type { VersionNumber } from "../model/key.ts";
import type { KeyName, NodeName } from "../model/name.ts";
import type { VolumeName } from "../model/volume.ts";
import { createVolumeSpares, type VolumeSpare } from "./volume-spares.ts";

const name = "data" as VolumeName;
const offline = 3_600_000 as DurationMs;
const roots: string[] = [];
after(() => {
  for (const root of roots) rmSync(root, { recursive: true });
});

function setUp() {
  const root = mkdtempSync(join(tmpdir(), "keyward-spares-"));
  roots.push(root);
  const told: string[] = [];
  const note = (fields: object, message: string) => void told.push(`${message} ${JSON.stringify(fields)}`);
  const time = { now: 1_800_000_000_000 };
  const at = (machine: string, node = "db1") =>
    createVolumeSpares({
      stateDirectory: root,
      node: node as NodeName,
      host: () => hostKey(utf8("a private key"), machine),
      clock: () => time.now as UnixMs,
      random: systemRandom,
      log: { info: note, warn: note, error: note },
    });
  return { spares: at("m1"), at, time, told, file: join(root, "spares/data.kwob") };
}

const spare = (text = "key"): VolumeSpare => ({
  grant: "g-1" as GrantId,
  key: "disk/db1" as KeyName,
  version: 2 as VersionNumber,
  delivery: { kind: "unlock", name, offline },
  value: Secret.fromText(text),
});
const textOf = (one: VolumeSpare | null) =>
  one === null ? null : Buffer.from(one.value.reveal()).toString();

test("it comes back as it was kept, the last one alone", () => {
  const { spares } = setUp();
  assert.equal(spares.of(name), null);
  spares.keep(spare("one"));
  spares.keep(spare("two"));
  const found = spares.of(name);
  assert.equal(textOf(found), "two");
  assert.deepEqual(
    [found?.grant, found?.key, found?.version, found?.delivery.offline],
    ["g-1", "disk/db1", 2, offline],
  );
});

test("it may be used until its duration after the server was last heard of", () => {
  const { spares, time } = setUp();
  spares.keep(spare());
  time.now += offline - 1;
  assert.equal(textOf(spares.of(name)), "key");
  spares.confirm(new Set([name]));
  time.now += offline - 1;
  assert.equal(textOf(spares.of(name)), "key");
  time.now += 1;
  assert.equal(spares.of(name), null);
});

test("a clock that runs behind what was written is not believed", () => {
  const { spares, time } = setUp();
  spares.keep(spare());
  time.now -= 299_000;
  assert.equal(textOf(spares.of(name)), "key");
  time.now -= 2000;
  assert.equal(spares.of(name), null);
});

test("on another machine, for another node, or changed, it is of no use, which is said", () => {
  const { spares, at, told, file } = setUp();
  spares.keep(spare());
  assert.equal(at("m2").of(name), null);
  assert.match(told.at(-1) ?? "", /wrong-key/);
  assert.equal(at("m1", "db2").of(name), null);
  writeFileSync(file, "nonsense");
  assert.equal(spares.of(name), null);
  assert.match(told.at(-1) ?? "", /malformed/);
});

test("what is granted no more is removed, and so is what is forgotten", () => {
  const { spares, file } = setUp();
  spares.keep(spare());
  spares.confirm(new Set(["other" as VolumeName]));
  assert.equal(existsSync(file), false);
  spares.keep(spare());
  spares.forget(name);
  assert.equal(existsSync(file), false);
  spares.forget(name);
});
