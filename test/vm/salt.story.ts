/** The article's state with real Salt: a blank disk becomes a volume with a database on it, and opens at each start. */
import assert from "node:assert/strict";
import { createHash, randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { BodyOf } from "../../src/api/shapes.ts";
import { createProgram } from "../server/program.ts";
import type { Entry } from "./archive.ts";
import { root } from "./cache.ts";
import { lies } from "./guest/traces.ts";
import { boot } from "./machine.ts";
import { saltImage } from "./salt-image.ts";
import { createUmlMachine } from "./uml.ts";

const image = await saltImage();

const file = (path: string, content: Uint8Array | string): Entry => ({
  kind: "file",
  path,
  mode: 0o600,
  content: Buffer.from(content),
});
const state = readFileSync(join(root, "contrib/salt/disk.sls"));

test("startup states: blank disk, database, reboot; no key without the server, nothing on a disk that is not blank", {
  skip: image.skip,
}, async (t) => {
  const program = createProgram();
  const machine = createUmlMachine([image.path]);
  t.after(() => {
    machine.remove();
    program.remove();
  });
  await program.init();
  const server = program.startServer(["--name", "keys.test"]);
  t.after(() => server.kill());
  const address = await server.serving;
  const admin = program.operator(address);
  const seed = randomUUID();
  const key = createHash("sha512").update(seed).digest();
  await admin.call("key.put", { path: { name: "disk/db1" }, body: { value: key.toString("base64") } });
  const delivery = {
    kind: "unlock",
    type: "luks",
    name: "data",
    device: "/dev/disk/by-id/virtio-data",
    beneath: { group: "vgdata", volume: "data" },
    mount: { point: "/srv/data", fstype: "ext4", options: [] },
    start: [],
    createIfBlank: true,
    atLoss: "close",
    conditions: {},
  } satisfies BodyOf<"grant.add">["delivery"];
  await admin.call("grant.add", { body: { key: "disk/db1", query: "name:db1", delivery } });
  /** It enrols at each boot anew: this machine keeps nothing but its disk. */
  const at = async (phase: string) => {
    const { token } = await admin.call("joinToken.create", { body: { node: "db1" } });
    return {
      program: "salt",
      port: Number(new URL(address).port),
      words: { KW_PHASE: phase, KW_SEED: seed },
      deadlineMs: 600_000,
      files: [
        file("etc/keyward/ca.pem", program.ca().join("")),
        file("etc/keyward/node.join", token),
        file("srv/salt/disk.sls", state),
      ],
    };
  };

  const first = await boot(t, machine, await at("first"));
  const again = await boot(t, machine, await at("again"));
  await t.test("the database is the same one after each start, and the key is not on the disk", () => {
    assert.match(first.created ?? "", /^[0-9a-f-]{36}$/);
    assert.equal(again.created, first.created);
    assert.equal(lies(machine.disk, key), false);
  });
});
