import assert from "node:assert/strict";
import { test } from "node:test";
import { tortureRounds } from "./rounds.ts";
import { openServerTorture } from "./server.ts";
import { WRITERS } from "./server-acts.ts";

const ROUNDS = 50;

test("50 times killed with SIGKILL under 32 HTTPS clients, the server has every act that it acknowledged, whole", async () => {
  const torture = await openServerTorture();
  const acknowledged = await tortureRounds({ ...torture, rounds: ROUNDS, life: 150 });
  await torture.end();
  assert.ok(acknowledged >= ROUNDS * WRITERS, `${acknowledged} acts`);
});
