/** Keys that systemd fetches for services, from a running agent with a real server. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { until } from "./until.ts";
import { setUp } from "./volume-rig.ts";

/** As systemd asks: its own side ends at once, then it reads to the end. */
function ask(path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ path, allowHalfOpen: true }, () => socket.end());
    const parts: Buffer[] = [];
    socket.on("data", (part) => parts.push(part));
    socket.on("end", () => resolve(Buffer.concat(parts).toString()));
    socket.on("error", reject);
  });
}

test("a service of systemd waits for its key, gets it once it is granted, and the next one when it starts anew", async (t) => {
  const { admin, start, root } = await setUp(t);
  const path = join(root, "sockets/orders.password");
  start(true);
  await until("the socket is there", () => existsSync(path));
  let early: string | null = null;
  const asks = [ask(path), ask(path)].map((one) => one.then((value) => (early = value)));
  const put = (value: string) =>
    admin.call("key.put", {
      path: { name: "orders/password" },
      body: { value: Buffer.from(value).toString("base64") },
    });
  await put("swordfish");
  assert.equal(early, null);
  const delivery = { kind: "file", path: "orders.password", mode: 0o400, offline: "never" } as const;
  await admin.call("grant.add", { body: { key: "orders/password", query: "role:db", delivery } });
  assert.deepEqual(await Promise.all(asks), ["swordfish", "swordfish"]);
  await put("marlin");
  let now = "";
  await until("the next start gets the next version", () => {
    void ask(path).then((value) => (now = value));
    return now === "marlin";
  });
});
