/**
 * A machine whose root file system is encrypted: its initramfs, made by Debian's own tools, opens it with a key that a
 * server gives, and nobody is there; and what happens when no server does.
 */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { parseShare } from "../../src/formats/seed/seed.ts";
import { joinShares } from "../../src/seed/shares.ts";
import { formsOf, lies } from "./guest/traces.ts";
import { boot } from "./machine.ts";
import { type ImageTool, imageTools, makeOwnImage } from "./own-image.ts";
import { createOutside, createSite } from "./site.ts";
import { createUmlMachine } from "./uml.ts";

const STATE = ["identity.pem", "ca.pem", "server.json", "volumes.json"];

/** Its first boot has made the volume, and a system on it. */
async function createNode(t: TestContext) {
  const machine = createUmlMachine();
  t.after(() => machine.remove());
  const site = await createSite(t);
  const key = await site.putKey("disk/root");
  const mount = { point: "/", fstype: "ext4" as const, options: [] };
  await site.grant("disk/root", { name: "root", mount });
  const given = new Map<string, Buffer>();
  const take = (name: string) => [name, (bytes: Buffer) => void given.set(name, bytes)] as const;
  const outside = await createOutside(
    t,
    Object.fromEntries([...STATE, "hosts", "share 1", "share 2"].map(take)),
  );
  const at = (phase: string, words = {}) => ({
    program: "root",
    port: site.front.port,
    words: { KW_PHASE: phase, KW_OUTSIDE: `${outside}`, ...words },
  });
  await boot(t, machine, { ...at("make"), files: await site.enrolment() });
  const bytes = (name: string): Buffer => given.get(name) ?? assert.fail(`nobody gave ${name}`);
  const files = Object.fromEntries([
    ...STATE.map((name) => [`var/lib/keyward-agent/${name}`, bytes(name)] as const),
    ["etc/hosts", bytes("hosts")] as const,
  ]);
  return { machine, site, key, bytes, at, files };
}

test("a root disk is opened by its initramfs, with a key from the server", async (t) => {
  const { machine, site, key, bytes, at, files } = await createNode(t);
  const images = new Map<ImageTool, Buffer>();
  const imageBy = (tool: ImageTool): Buffer => images.get(tool) ?? assert.fail(tool);
  for (const tool of imageTools)
    await t.test(`${tool} makes an image`, async () => {
      images.set(tool, await makeOwnImage(tool, files));
    });
  // The key is rotated while the machine is off: the first boot opens with the old one, the next with the new one.
  const next = await site.putKey("disk/root");
  let boots = 0;
  for (const tool of imageTools) {
    const told = await boot(t, machine, { ...at("opened"), image: imageBy(tool) });
    await t.test(`an image of ${tool} opens it, and the node is a node still`, async () => {
      assert.equal(told.boots, `${++boots}`);
      const { node } = await site.admin.call("node.show", { path: { name: "db1" } });
      assert.equal(node.state, "active");
      const { volumes } = await site.admin.call("disk.list", { query: {} });
      assert.equal(volumes[0]?.proved, 2);
    });
    t.diagnostic(`by ${tool}: the system's first program after ${told.up} s`);
  }
  await t.test("the key lies on none of its disks, and in no image", () => {
    for (const one of [key, next]) {
      for (const disk of machine.disks) assert.equal(lies(disk, one), false, disk);
      for (const image of images.values())
        for (const form of formsOf(one)) assert.equal(image.includes(form), false);
    }
  });

  const { seed } = await joinShares([1, 2].map((n) => parseShare(bytes(`share ${n}`), "share")));
  await site.admin.call("node.revoke", { path: { name: "db1" }, body: {} });
  const typed = {
    after: "recovery key of root",
    text: `${Buffer.from(seed.reveal()).toString("hex")}\n`,
  };
  const asked = { ...at("opened", { KW_TYPED: "yes" }), image: imageBy("initramfs-tools"), typed };
  const recovered = await boot(t, machine, asked);
  await t.test("a node that was revoked gets no key: somebody has to type the recovery key", () => {
    assert.equal(recovered.boots, `${++boots}`);
  });
});
