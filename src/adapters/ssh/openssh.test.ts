import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { freePort, keygen, type Sshd, startSshd } from "../../../test/ssh/sshd.ts";
import { type ErrorCode, isKeywardError } from "../../base/errors.ts";
import { Secret } from "../../base/secret.ts";
import type { DurationMs } from "../../base/time.ts";
import { systemRandom } from "../../crypto/random.ts";
import {
  decodePrivateKey,
  formatCertificateLine,
  parsePublicLine,
  publicKeyOf,
  signCertificate,
} from "../../formats/openssh/openssh.ts";
import type { SshTarget } from "../../model/remote-host.ts";
import { startOwnAgent } from "./own-agent.ts";
import { createConnectHost, createOpenByOpenSsh } from "./ssh.ts";

const options = ["KexAlgorithms=curve25519-sha256"];
const connect = createConnectHost(createOpenByOpenSsh({ options }), systemRandom);
const deadline = 60_000 as DurationMs;
const own = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0, mode: 0o400 };
const folder = mkdtempSync(join(tmpdir(), "openssh-"));
let sshd: Sshd;

before(async () => {
  keygen(join(folder, "user-ca"));
  keygen(join(folder, "host-ca"));
  sshd = await startSshd({ config: [`TrustedUserCAKeys ${folder}/user-ca.pub`] });
});
after(async () => {
  await sshd.stop();
  rmSync(folder, { recursive: true });
});

const target = (more: Partial<SshTarget> = {}): SshTarget => ({
  address: "127.0.0.1",
  port: sshd.port,
  user: sshd.user,
  hostKeys: [sshd.hostKey],
  hostCas: [],
  ...more,
});

const refused = (promise: Promise<unknown>, code: ErrorCode, words = /./) =>
  assert.rejects(
    promise,
    (error) => (isKeywardError(error, code) && words.test(error.message)) || assert.fail(String(error)),
  );

test("a file goes over, a program runs over the same connection, and nothing is left of it", async (t) => {
  const temporary = mkdtempSync(join(folder, "t"));
  const { TMPDIR = "/tmp" } = process.env;
  process.env.TMPDIR = temporary;
  t.after(() => {
    process.env.TMPDIR = TMPDIR;
  });
  const host = await connect(target(), sshd.login, deadline);
  const path = join(folder, "key");
  assert.deepEqual(await host.install(path, Secret.fromText("correct horse"), own), {
    written: true,
    changed: true,
  });
  assert.deepEqual(await host.install(path, Secret.fromText("correct horse"), own), {
    written: false,
    changed: false,
  });
  assert.equal(readFileSync(path, "utf8"), "correct horse");
  assert.equal(await host.run(["sh", "-c", "exit 5", "; $(id)"], {}, deadline), 5);
  assert.equal(await host.remove(path), "removed");
  const expected = spawnSync("ssh-keygen", ["-lf", `${sshd.folder}/host.pub`], { encoding: "utf8" }).stdout;
  assert.ok(expected.includes(host.fingerprint), `${host.fingerprint} in ${expected}`);
  host.close();
  assert.deepEqual(readdirSync(temporary), []);
});

test("a user's certificate of five minutes lets us in; one for another user, and one that is over, do not", async () => {
  keygen(join(folder, "fresh"));
  const key = Secret.take(readFileSync(join(folder, "fresh")));
  const ca = decodePrivateKey(readFileSync(join(folder, "user-ca"))).key;
  assert.ok(ca.kind === "ed25519");
  const now = Math.floor(Date.now() / 1000);
  const certify = (principal: string, validUntil: number) =>
    formatCertificateLine(
      signCertificate(
        {
          key: publicKeyOf(decodePrivateKey(key.reveal()).key),
          serial: 1n,
          type: "user",
          keyId: "keyward",
          principals: [principal],
          validFrom: now - 60,
          validUntil,
          critical: {},
          extensions: [],
        },
        ca.seed,
        systemRandom(32),
      ),
    );
  const login = (certificate: string) => ({ kind: "key", key, certificate }) as const;
  const host = await connect(target(), login(certify(sshd.user, now + 300)), deadline);
  assert.equal(await host.run(["true"], {}, deadline), 0);
  host.close();
  await refused(connect(target(), login(certify("somebody", now + 300)), deadline), "denied");
  await refused(connect(target(), login(certify(sshd.user, now - 1)), deadline), "denied");
  await refused(connect(target(), { kind: "key", key }, deadline), "denied");
});

test("a host's certificate is taken from a CA that is known, and from no other", async () => {
  keygen(join(folder, "host"));
  spawnSync("ssh-keygen", [
    "-q",
    "-s",
    `${folder}/host-ca`,
    "-h",
    "-I",
    "h",
    "-n",
    "127.0.0.1",
    `${folder}/host.pub`,
  ]);
  const certified = await startSshd({
    config: [`HostKey ${folder}/host`, `HostCertificate ${folder}/host-cert.pub`],
  });
  try {
    const at = { port: certified.port, user: certified.user, hostKeys: [] };
    const ca = readFileSync(join(folder, "host-ca.pub"), "utf8").trim();
    const host = await connect(target({ ...at, hostCas: [ca] }), certified.login, deadline);
    assert.match(host.fingerprint, /^SHA256:/);
    host.close();
    const other = readFileSync(join(folder, "user-ca.pub"), "utf8").trim();
    await refused(connect(target({ ...at, hostCas: [other] }), certified.login, deadline), "integrity");
  } finally {
    await certified.stop();
  }
});

test("another host key, no known one, a closed port, and an address that is an option are refused", async () => {
  keygen(join(folder, "stranger"));
  const other = readFileSync(join(folder, "stranger.pub"), "utf8").trim();
  await refused(
    connect(target({ hostKeys: [other] }), sshd.login, deadline),
    "integrity",
    /another host key/,
  );
  await refused(connect(target({ hostKeys: [] }), sshd.login, deadline), "integrity", /not known/);
  await refused(connect(target({ port: await freePort() }), sshd.login, deadline), "unreachable");
  for (const address of ["-oProxyCommand=touch /tmp/x", "a b", "a\nb", "", "a;id", "$(id)", "`id`"])
    await refused(connect(target({ address }), sshd.login, deadline), "usage");
  await refused(connect(target({ user: "-x" }), sshd.login, deadline), "usage");
});

test("a jump host of a configuration is gone through", async () => {
  const known = `[127.0.0.1]:${sshd.port} ${sshd.hostKey}\n`;
  writeFileSync(join(folder, "known"), known);
  writeFileSync(
    join(folder, "config"),
    [
      "Host 127.0.0.1",
      `  ProxyJump hop`,
      "Host hop",
      "  HostName localhost",
      `  Port ${sshd.port}`,
      `  User ${sshd.user}`,
      `  IdentityFile ${sshd.keyFile}`,
      `  HostKeyAlias [127.0.0.1]:${sshd.port}`,
      `  UserKnownHostsFile ${folder}/known`,
      "",
    ].join("\n"),
  );
  const through = createConnectHost(
    createOpenByOpenSsh({ options, config: join(folder, "config") }),
    systemRandom,
  );
  const host = await through(target(), sshd.login, deadline);
  assert.equal(await host.run(["true"], {}, deadline), 0);
  host.close();
});

test("ssh-add lists what our agent holds, and it does nothing else", async () => {
  const socket = join(folder, "agent");
  const agent = await startOwnAgent(socket, sshd.login.key);
  const add = (...words: string[]) => {
    const env = { ...process.env, SSH_AUTH_SOCK: socket };
    return new Promise<string>((resolve) => {
      import("node:child_process").then(({ execFile }) =>
        execFile("ssh-add", words, { env }, (_, stdout, stderr) => resolve(stdout + stderr)),
      );
    });
  };
  const publicKey = readFileSync(`${sshd.keyFile}.pub`, "utf8").split(" ")[1] ?? "";
  assert.ok((await add("-L")).includes(publicKey));
  assert.match(await add(join(folder, "stranger")), /agent refused operation|Could not add/);
  assert.match(await add("-D"), /agent refused operation|Failed/);
  assert.ok(parsePublicLine((await add("-L")).trim()).comment === "keyward");
  agent.close();
});
