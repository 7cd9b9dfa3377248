/**
 * A machine that has nothing but the seed in its firmware: SSH host key, disk key and the private key that its server
 * knows it by follow from it. The agent is started as its unit would start it, and stopped once it has put its key in
 * place.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createHash, X509Certificate } from "node:crypto";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { setTimeout as wait } from "node:timers/promises";
import { makeHostKey, mountDisk, unmountDisk } from "./machine-keys.ts";
import { succeed } from "./programs.ts";
import { check, guest, tell } from "./report.ts";

const TOKEN = "/etc/keyward/web1.join";
const INSTALLED = "/run/keys/password";
const STATE = "/run/state";
const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

const words = [
  ...`agent --identity derived --seed uefi --server keys.test:${process.env.KW_PORT} --cacert /etc/keyward/ca.pem`.split(
    " ",
  ),
  ...`--name web1 --state ${STATE} --directory /run/keys`.split(" "),
  ...(existsSync(TOKEN) ? ["--join-token-file", TOKEN] : []),
];

void guest(async () => {
  await check("the seed is in the firmware", () => void succeed("keyward", "seed", "install", "--uefi"));

  await check("the SSH host key is derived, and ssh-keygen agrees", () => tell("host key", makeHostKey()));

  await check("the disk is formatted if it is blank, opens and closes", () => {
    tell("disk", mountDisk());
    unmountDisk();
  });

  await check("from an empty state directory the agent reaches its server, and has its key", async () => {
    assert.equal(existsSync(STATE), false);
    const agent = spawn("keyward", words, { stdio: ["ignore", "pipe", "pipe"] });
    let log = "";
    for (const stream of [agent.stdout, agent.stderr]) stream.on("data", (part) => (log += part));
    const until = Date.now() + 90_000;
    while (!existsSync(INSTALLED) && agent.exitCode === null && Date.now() < until) await wait(100);
    assert.ok(existsSync(INSTALLED), log);
    tell("installed", sha256(readFileSync(INSTALLED)));
    // Its proof is on the way.
    await wait(2000);
    const ended = once(agent, "close");
    agent.kill("SIGTERM");
    await ended;
  });

  await check("its private key is in no file of its state", () => {
    const files = readdirSync(STATE, { recursive: true, withFileTypes: true }).filter((one) => one.isFile());
    const texts = files.map((one) => readFileSync(`${one.parentPath}/${one.name}`, "latin1"));
    const certificate = texts.find((text) => text.includes("BEGIN CERTIFICATE"));
    assert.ok(certificate !== undefined);
    assert.ok(!texts.some((text) => text.includes("PRIVATE KEY")));
    const key = new X509Certificate(certificate).publicKey.export({ type: "spki", format: "der" });
    tell("identity", sha256(key));
  });

  await check("its server is reached only where it was let through", async () => {
    await assert.rejects(
      fetch(`http://10.0.2.2:${process.env.KW_HOST_PORT}/`, { signal: AbortSignal.timeout(3000) }),
    );
  });
});
