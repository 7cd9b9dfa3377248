/**
 * A machine that boots with an empty disk is the same node after each boot: its identity, its SSH host key and its
 * disk's key follow from the seed in its firmware.
 */
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { test } from "node:test";
import { createProgram } from "../server/program.ts";
import type { Entry } from "./archive.ts";
import { boot } from "./machine.ts";
import { createTcgMachine } from "./tcg.ts";

const file = (path: string, text: string): Entry => ({
  kind: "file",
  path: `etc/keyward/${path}`,
  mode: 0o600,
  content: Buffer.from(text),
});

test("with an empty disk and a seed: SSH host key, disk key, and one enrolment for all boots", async (t) => {
  const program = createProgram();
  const machine = createTcgMachine();
  t.after(() => {
    machine.remove();
    program.remove();
  });
  await program.init();
  const server = program.startServer(["--name", "keys.test"]);
  t.after(() => server.kill());
  const address = await server.serving;
  const admin = program.operator(address);
  const value = randomBytes(24).toString("base64url");
  await admin.call("key.put", { path: { name: "db/password" }, body: { value: btoa(value) } });
  const delivery = { kind: "file", path: "password", mode: 0o400, offline: "never" } as const;
  await admin.call("grant.add", { body: { key: "db/password", query: "name:web1", delivery } });
  const { token } = await admin.call("joinToken.create", { body: { node: "web1" } });

  const ca = file("ca.pem", program.ca().join(""));
  const { port } = new URL(address);
  const asked = { program: "node-identity", port: Number(port), words: { KW_HOST_PORT: port } };
  const first = await boot(t, machine, { ...asked, files: [ca, file("web1.join", token)] });
  const enrolled = (await admin.call("node.show", { path: { name: "web1" } })).node;
  const second = await boot(t, machine, { ...asked, files: [ca] });
  const { node } = await admin.call("node.show", { path: { name: "web1" } });

  await t.test(
    "it has the key that it was granted; identity, SSH host key and disk are the ones before",
    () => {
      assert.equal(first.installed, createHash("sha256").update(value).digest("hex"));
      assert.deepEqual(Object.keys(first).sort(), ["disk", "host key", "identity", "installed"]);
      assert.deepEqual(second, first);
    },
  );
  await t.test("to the server it is the same node, with a new certificate", async () => {
    assert.equal(node.state, "active");
    assert.equal(node.identity?.issued, (enrolled.identity?.issued ?? 0) + 1);
    const { nodes } = await admin.call("node.list", {});
    assert.deepEqual(
      nodes.map(({ name }) => name),
      ["web1"],
    );
  });
});
