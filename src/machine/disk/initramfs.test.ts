import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { isKeywardError } from "../../base/errors.ts";
import { initramfsFiles } from "../../disk/disk.ts";
import { initramfsTool, installedProgram, lookAt, placeAll } from "./initramfs.ts";

function setUp(t: TestContext) {
  const root = mkdtempSync(join(tmpdir(), "keyward-initramfs-"));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  const files = (state = "/var/lib/keyward-agent") =>
    initramfsFiles({
      ...{ volumes: [], tool: "initramfs-tools", state, identity: "kept" },
      program: { kind: "executable", path: "/usr/bin/keyward" },
    });
  const states = (state?: string) => lookAt(files(state), root).map((one) => one.state);
  return { root, files, states };
}

test("files are put in place with their modes, and a second time nothing is to be done", (t) => {
  const { root, files, states } = setUp(t);
  placeAll(lookAt(files(), root), root, false);
  assert.deepEqual(new Set(states()), new Set(["as it was"]));
  assert.equal(statSync(join(root, "etc/initramfs-tools/hooks/keyward")).mode & 0o777, 0o755);
  assert.equal(statSync(join(root, "etc/keyward/initramfs/settings")).mode & 0o777, 0o644);
});

test("with other settings what we wrote is renewed; what somebody changed stays, and so does the rest", (t) => {
  const { root, files, states } = setUp(t);
  placeAll(lookAt(files(), root), root, false);
  assert.deepEqual(new Set(states("/srv/agent")), new Set(["renewed", "as it was"]));
  const hook = join(root, "etc/initramfs-tools/hooks/keyward");
  writeFileSync(hook, `${readFileSync(hook, "utf8")}# ours\n`);
  const settings = readFileSync(join(root, "etc/keyward/initramfs/settings"), "utf8");
  assert.throws(
    () => placeAll(lookAt(files("/srv/agent"), root), root, false),
    (error) => isKeywardError(error, "conflict") && /hooks\/keyward/.test(error.message),
  );
  assert.match(readFileSync(hook, "utf8"), /# ours/);
  assert.equal(readFileSync(join(root, "etc/keyward/initramfs/settings"), "utf8"), settings);
  placeAll(lookAt(files("/srv/agent"), root), root, true);
  assert.deepEqual(new Set(states("/srv/agent")), new Set(["as it was"]));
});

test("the tool is the one that is installed, and has to be said when there are both or none", (t) => {
  const { root } = setUp(t);
  assert.throws(() => initramfsTool(root), /neither/);
  mkdirSync(join(root, "usr/bin"), { recursive: true });
  mkdirSync(join(root, "usr/sbin"), { recursive: true });
  writeFileSync(join(root, "usr/bin/dracut"), "");
  assert.equal(initramfsTool(root), "dracut");
  writeFileSync(join(root, "usr/sbin/update-initramfs"), "");
  assert.throws(() => initramfsTool(root), /both/);
});

test("the program that goes into an image is the built one", () => {
  assert.throws(() => installedProgram(["node", import.meta.filename]), { code: "usage" });
});
