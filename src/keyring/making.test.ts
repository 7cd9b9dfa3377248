import assert from "node:assert/strict";
import { it } from "node:test";
import { createBench, local, name, operator, secret } from "./keyring-for-test.ts";

it("a rehearsed put does not tell who may not read whether a guess is right", async () => {
  const { keyring } = await createBench();
  const pin = name("pin");
  await keyring.put(local, pin, secret("1234"));
  const rehearse = async (by: typeof local | ReturnType<typeof operator>, guess: string) =>
    (await keyring.put({ ...by, dryRun: true }, pin, secret(guess))).version;
  const writer = operator({ actions: ["key:write"], prefix: "" });
  assert.deepEqual([await rehearse(writer, "1234"), await rehearse(writer, "1235")], [2, 2]);
  const reader = operator({ actions: ["key:write", "key:read"], prefix: "" });
  assert.deepEqual([await rehearse(reader, "1234"), await rehearse(reader, "1235")], [1, 2]);
  assert.equal((await keyring.put(writer, pin, secret("1234"))).version, 1);
});
