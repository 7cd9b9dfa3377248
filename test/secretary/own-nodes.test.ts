/** A unit on a node of Keyward's own: registered and granted by command, opened by `keyward exec` at the server. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { toBase64 } from "../../src/base/bytes.ts";
import { formatPrivateKey, formatPublicKey } from "../../src/formats/secretary/keys.ts";
import { startTestServer } from "../../src/server/server-for-test.ts";
import { config, deploy, master, sealed } from "./deployment.ts";

const keyward = join(import.meta.dirname, "../../bin/keyward");

test("keyward exec gets a unit's values from the server that granted them, over TLS, and none after the grant is gone", async () => {
  const folder = mkdtempSync(join(tmpdir(), "keyward-own-"));
  const secretary = { masters: [master.privateKey], configs: [config.publicKey] };
  const main = await startTestServer({ options: { secretary } });
  const admin = await main.operator("admin");
  await main.enrol("web1", { role: "web" });
  const envelope = sealed("correct horse");
  const tasks = { orders: { deploy: toBase64(deploy.publicKey) } };
  await admin.call("node.set", { path: { name: "web1" }, body: { attributes: { secretary: { tasks } } } });
  const value = toBase64(Buffer.from(`DB_PASSWORD=${envelope}\n`));
  await admin.call("key.put", { path: { name: "sealed/orders/db" }, body: { value } });
  const delivery = { kind: "file", path: "orders.env", mode: 0o400, offline: "never" } as const;
  const { grant } = await admin.call("grant.add", {
    body: { key: "sealed/orders/db", query: "name:web1", delivery },
  });
  writeFileSync(join(folder, "ca.pem"), main.ca.join(""));
  writeFileSync(join(folder, "deploy.pem"), formatPrivateKey(deploy.privateKey), { mode: 0o600 });
  const env = {
    PATH: process.env.PATH ?? "",
    HOME: folder,
    SECRETARY_URL: main.address,
    SSL_CERT_FILE: join(folder, "ca.pem"),
    MASTER_PUBLIC_KEY: formatPublicKey(master.publicKey),
    DEPLOY_PRIVATE_KEY: join(folder, "deploy.pem"),
    MARATHON_APP_ID: "node:web1",
    MESOS_TASK_ID: "orders",
    DB_PASSWORD: envelope,
  };
  const run = () =>
    promisify(execFile)(keyward, ["exec", "--strict", "--", "/usr/bin/printenv", "DB_PASSWORD"], { env });
  try {
    assert.equal((await run()).stdout, "correct horse\n");
    await admin.call("grant.remove", { path: { id: (grant as { id: string }).id } });
    await assert.rejects(run(), /HTTP 401/);
  } finally {
    await main.stop();
    rmSync(folder, { recursive: true });
  }
});
