/** Pushes by a jump host and by an ssh-agent, as an operator sets them up: real sshds, a real agent, the program. */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { createProgram, type Program } from "../server/program.ts";
import { keygen, type Sshd, startSshd } from "../ssh/sshd.ts";
import { readIfThere, statIfThere, until } from "../waiting.ts";

const folder = mkdtempSync(join(tmpdir(), "push-means-"));
const config = join(folder, "ssh_config");
const agent = join(folder, "agent");
let inner: Sshd;
let hop: Sshd;
let program: Program;

before(async () => {
  inner = await startSshd();
  hop = await startSshd();
});
after(async () => {
  await inner.stop();
  await hop.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function says(status: number, words: string, stdin?: string): Promise<string> {
  const ended = await program.run(words.split(" "), stdin);
  assert.equal(ended.status, status, `${words}: ${ended.stdout}${ended.stderr}`);
  return ended.stdout + ended.stderr;
}

/** A store with one node, reached in this way. */
async function prepare(env: Record<string, string>, driver: string): Promise<string> {
  program = createProgram(undefined, env);
  const keys = join(program.directory, "keys");
  mkdirSync(keys, { mode: 0o700 });
  await program.init();
  await says(0, "key put db/pw", "correct horse");
  await says(0, "node add web1 role=web");
  writeFileSync(join(program.directory, "host.pub"), inner.hostKey);
  const where = `--address 127.0.0.1 --port ${inner.port} --user ${inner.user} --directory ${keys}`;
  await says(0, `node push web1 ${where} --host-key host.pub --driver ${driver}`);
  await says(0, "grant add db/pw --to role:web --path pw");
  return join(keys, "pw");
}

test("a jump host of KEYWARD_SSH_CONFIG is gone through, by Keyward's own key; without it there is no way", async (t) => {
  writeFileSync(join(folder, "known"), `[127.0.0.1]:${hop.port} ${hop.hostKey}\n`);
  const lines = [
    "Host 127.0.0.1",
    "  ProxyJump hop",
    "  KexAlgorithms curve25519-sha256",
    "Host hop",
    "  HostName 127.0.0.1",
    `  Port ${hop.port}`,
    `  User ${hop.user}`,
    `  UserKnownHostsFile ${folder}/known`,
    `  HostKeyAlias [127.0.0.1]:${hop.port}`,
    "  ProxyJump none",
    "  KexAlgorithms curve25519-sha256",
  ];
  writeFileSync(config, `${lines.join("\n")}\n`, { mode: 0o600 });
  const file = await prepare({ KEYWARD_SSH_CONFIG: config }, "openssh");
  t.after(() => program.remove());
  const line = await says(0, "ssh authorize");
  appendFileSync(join(inner.folder, "authorized_keys"), line);
  await says(8, "push");
  assert.equal(readIfThere(file), null, "the jump host does not let us in yet");
  // a jump host forwards, which the line for hosts that are pushed to does not permit
  const key = line.replace(/^restrict,command="(?:[^"\\]|\\.)*" /, "");
  appendFileSync(join(hop.folder, "authorized_keys"), key);
  assert.match(await says(0, "push"), /delivered +1 +1/);
  assert.equal(readIfThere(file), "correct horse");

  chmodSync(config, 0o666);
  assert.match(await says(8, "push"), /KEYWARD_SSH_CONFIG.*others may change it/);
});

for (const driver of ["ssh2", "openssh"])
  test(`pushes log in by the agent of KEYWARD_SSH_AGENT, which keeps the key to itself: ${driver}`, async (t) => {
    rmSync(agent, { force: true });
    const serving = spawn("ssh-agent", ["-D", "-a", agent], { stdio: "ignore" });
    t.after(async () => {
      serving.kill("SIGTERM");
      await once(serving, "exit");
    });
    await until("the agent listens", () => statIfThere(agent) !== null);
    const file = await prepare({ KEYWARD_SSH_AGENT: agent }, driver);
    t.after(() => program.remove());
    assert.match(await says(8, "push"), /does not let us in/);
    const key = join(folder, `operator-${driver}`);
    keygen(key);
    appendFileSync(join(inner.folder, "authorized_keys"), readFileSync(`${key}.pub`));
    const env = { ...process.env, SSH_AUTH_SOCK: agent };
    assert.equal(spawnSync("ssh-add", ["-q", key], { env }).status, 0);
    rmSync(key);
    assert.match(await says(0, "push"), /delivered +1 +1/);
    assert.equal(readIfThere(file), "correct horse");
  });
