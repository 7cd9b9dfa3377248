/** Passphrases that systemd's own program asks for, answered by a running agent with a real server. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";
import { createQuestions } from "../../src/adapters/systemd/questions.ts";
import { systemWait } from "../../src/agent/agent.ts";
import { Secret } from "../../src/base/secret.ts";
import { until } from "./until.ts";
import { grant, name, setUp } from "./volume-rig.ts";

const skip = process.getuid?.() === 0 ? false : "root asks";

function asks(device: string) {
  const child = spawn(
    "systemd-ask-password",
    ["--no-tty", "--timeout=300", `--id=cryptsetup:${device}`, "passphrase"],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  const parts: Buffer[] = [];
  child.stdout.on("data", (part) => parts.push(part));
  const got = once(child, "close").then(() => Buffer.concat(parts));
  return { got, end: () => child.kill("SIGTERM") };
}

test("the agent answers for its volume with the key of now, and for no other device", { skip }, async (t) => {
  const { admin, start, host, device, settled, logged } = await setUp(t);
  await admin.call("key.generate", { path: { name: "disk/db1" }, body: { recipe: { kind: "disk" } } });
  const { value } = await admin.call("key.get", { path: { name: "disk/db1" }, query: {} });
  const key = Buffer.from(value, "base64");
  await host.luks.format(device, Secret.copy(key));
  await grant(admin, device, { approvals: 1 });
  const other = asks("/dev/shm/keyward-other-device");
  const gone = asks(device);
  t.after(other.end);
  start(false, true, undefined, createQuestions());
  await settled("it waits for approval", (row) => row?.asked !== undefined);
  // Nobody waits for this answer any more.
  gone.end();
  assert.equal((await gone.got).length, 0);
  const one = asks(device);
  t.after(one.end);
  const questionsSeen = () =>
    logged.filter((line) => line.startsWith("systemd asks for a passphrase")).length;
  await until("it has seen the next question", () => questionsSeen() === 2);
  // What was under way for the first may have used up a yes.
  const over = new AbortController();
  void one.got.then(() => over.abort());
  while (!over.signal.aborted) {
    await admin.call("disk.approve", { body: { node: "db1", name } });
    await systemWait(2000, over.signal);
  }
  assert.deepEqual(await one.got, Buffer.concat([key, Buffer.from("\n")]));
  await until("it is logged", () =>
    logged.some((line) => line.startsWith("systemd has the key as its answer")),
  );
  assert.equal(questionsSeen(), 2);
  assert.equal(
    logged.some((line) => line.includes(key.toString("base64"))),
    false,
  );
});
