/**
 * An agent that is about to be killed. First it brings the host to the state of the step noted in STEP, says
 * "ready", waits for a word, and then goes through the steps as fast as it can, noting each before it begins.
 */
import { randomBytes } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { createAccounts } from "../../src/adapters/accounts/accounts.ts";
import { runProgram } from "../../src/adapters/adapters.ts";
import { createAgent, systemWait } from "../../src/agent/agent.ts";
import { Secret } from "../../src/base/secret.ts";
import { systemClock } from "../../src/base/time.ts";
import { FakeServer } from "./fake-server.ts";
import { desiredAt, SEED_BYTE } from "./kill-steps.ts";
import { sourceOf } from "./seed-for-test.ts";

const [root = "", lives = ""] = process.argv.slice(2);
const noted = `${root}/STEP`;
const server = new FakeServer(systemClock);
const nothing = (): void => {};

const agent = createAgent(
  {
    keyDirectory: `${root}/keys`,
    stateDirectory: `${root}/state`,
    joining: {
      address: "https://keys.example",
      ca: server.ca,
      name: "db1",
      token: Secret.fromText(server.token),
    },
    version: "0.0.0-test",
  },
  {
    connect: server.connect,
    pin: server.pin,
    clock: systemClock,
    wait: systemWait,
    random: (length) => new Uint8Array(randomBytes(length)),
    host: { machineId: () => "machine", bootId: () => "boot", facts: () => ({}) },
    accounts: createAccounts(),
    run: runProgram,
    seed: sourceOf(SEED_BYTE),
    log: { info: nothing, warn: nothing, error: nothing },
  },
);

function desire(step: number): void {
  server.grants.clear();
  for (const one of desiredAt(root, step)) server.grants.set(one.grant, one);
}

let step = Number(readFileSync(noted, "utf8"));
desire(step);
const { failures } = await agent.once(AbortSignal.timeout(20_000));
process.stdout.write(failures.length === 0 ? "ready\n" : `${JSON.stringify(failures)}\n`);
if (lives === "lives") process.exit(0);
await new Promise((resolve) => process.stdin.once("data", resolve));
const running = agent.run(new AbortController().signal);
while (server.watching === 0) await new Promise((resolve) => setTimeout(resolve, 1));
process.stdout.write("going\n");
for (;;) {
  await new Promise((resolve) => setTimeout(resolve, 4));
  step++;
  writeFileSync(noted, String(step));
  desire(step);
  server.announce();
  await Promise.race([running, new Promise((resolve) => setTimeout(resolve, 8))]);
}
