import assert from "node:assert/strict";
import { test } from "node:test";
import { createRig } from "../../test/agent/rig.ts";

test("an agent enrols, and the keys that it is granted arrive, are replaced and are withdrawn", async (t) => {
  const { server, time, start, read } = createRig(t);
  server.put("db/password", "one");
  start();
  await time.advance(3000);
  assert.equal(read("db/password.key"), "one");
  server.put("db/password", "two");
  await time.advance(10);
  assert.equal(read("db/password.key"), "two");
  server.remove("db/password");
  await time.advance(10);
  assert.equal(read("db/password.key"), null);
});
