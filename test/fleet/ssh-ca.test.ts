/** Keyward's SSH CA: certificates that a real sshd takes, until they are revoked; and pushes by them. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { authorizedOptions } from "../../src/adapters/ssh/ssh.ts";
import type { Api } from "../../src/api/api.ts";
import { fromBase64, toBase64, utf8 } from "../../src/base/bytes.ts";
import { isKeywardError } from "../../src/base/errors.ts";
import { startTestServer, type TestServer } from "../../src/server/server-for-test.ts";
import { keygen, type Sshd, startSshd } from "../ssh/sshd.ts";
import { readIfThere, until } from "../waiting.ts";

const folder = mkdtempSync(join(tmpdir(), "ssh-ca-"));
let main: TestServer;
let admin: Api;
let sshd: Sshd;

before(async () => {
  main = await startTestServer();
  admin = await main.operator("admin");
  const { ca } = await admin.call("ssh.keys", {});
  writeFileSync(join(folder, "ca.pub"), `${ca}\n`);
  writeFileSync(join(folder, "krl"), await krl());
  sshd = await startSshd({
    config: [`TrustedUserCAKeys ${folder}/ca.pub`, `RevokedKeys ${folder}/krl`],
  });
  writeFileSync(join(folder, "known_hosts"), `[127.0.0.1]:${sshd.port} ${sshd.hostKey}\n`);
});
after(async () => {
  await sshd.stop();
  await main.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function krl(): Promise<Uint8Array> {
  return fromBase64((await admin.call("ssh.krl", {})).krl, "krl");
}

/** @returns Whether sshd lets in who has this key and certificate. */
function logIn(key: string): boolean {
  const words = ["-F", "none", "-o", "BatchMode=yes", "-o", `UserKnownHostsFile=${folder}/known_hosts`];
  const { status } = spawnSync("ssh", [
    ...words,
    "-o",
    "IdentitiesOnly=yes",
    "-o",
    "KexAlgorithms=curve25519-sha256",
    "-i",
    join(folder, key),
    "-p",
    String(sshd.port),
    "-l",
    sshd.user,
    "127.0.0.1",
    "true",
  ]);
  return status === 0;
}

test("sshd takes a user's certificate until it is revoked", async () => {
  keygen(join(folder, "alice"));
  assert.equal(logIn("alice"), false);
  const publicKey = readFileSync(join(folder, "alice.pub"), "utf8");
  const { line, info } = await admin.call("ssh.sign", {
    body: { type: "user", publicKey, principals: [sshd.user], ttl: 600_000 },
  });
  writeFileSync(join(folder, "alice-cert.pub"), `${line}\n`);
  assert.equal(logIn("alice"), true);
  await admin.call("ssh.revoke", { path: { serial: info.serial } });
  writeFileSync(join(folder, "krl"), await krl());
  assert.equal(logIn("alice"), false);
});

test("a rule says whose certificates one may sign", async () => {
  await admin.call("rule.put", {
    path: { name: "deployers" },
    body: { allow: [{ actions: ["cert:sign"], prefix: "ssh-user/deploy" }] },
  });
  const alice = await main.operator("deployers");
  keygen(join(folder, "bob"));
  const publicKey = readFileSync(join(folder, "bob.pub"), "utf8");
  const sign = (principals: string[], type: "user" | "host" = "user") =>
    alice.call("ssh.sign", { body: { type, publicKey, principals } });
  assert.equal((await sign(["deploy"])).info.type, "user");
  for (const bad of [() => sign(["root"]), () => sign(["deploy", "root"]), () => sign(["deploy"], "host")])
    await assert.rejects(bad(), (error) => isKeywardError(error, "denied"));
});

test("keys are pushed by a certificate of five minutes, without a key of ours on the host", async () => {
  const directory = join(folder, "keys");
  mkdirSync(directory, { mode: 0o700 });
  await admin.call("key.put", { path: { name: "db/pw" }, body: { value: toBase64(utf8("correct horse")) } });
  await admin.call("node.add", { body: { name: "web1", attributes: { role: "web" } } });
  const to = { address: "127.0.0.1", port: sshd.port, user: sshd.user, hostKeys: [sshd.hostKey], directory };
  await admin.call("node.push", { path: { name: "web1" }, body: { push: { ...to, driver: "openssh" } } });
  const delivery = { kind: "file", path: "pw", mode: 0o400, offline: "never" } as const;
  await admin.call("grant.add", { body: { key: "db/pw", query: "role:web", delivery } });
  const lines = [];
  for await (const line of admin.stream("push.run", { body: {} }, new AbortController().signal))
    lines.push(line);
  assert.ok(
    lines.some((line) => line.kind === "done"),
    JSON.stringify(lines),
  );
  assert.equal(readFileSync(join(directory, "pw"), "utf8"), "correct horse");
  await admin.call("node.remove", { path: { name: "web1" } });
});

test("a host is known by a certificate of a CA that is given, for its own name, and by nothing else", async () => {
  const { ca } = await admin.call("ssh.keys", {});
  keygen(join(folder, "other-ca"));
  const otherCa = readFileSync(join(folder, "other-ca.pub"), "utf8").trim();
  const certified = async (file: string, principal: string): Promise<Sshd> => {
    keygen(join(folder, file));
    const publicKey = readFileSync(join(folder, `${file}.pub`), "utf8");
    const { line } = await admin.call("ssh.sign", {
      body: { type: "host", publicKey, principals: [principal] },
    });
    writeFileSync(join(folder, `${file}-cert.pub`), `${line}\n`);
    const host = [`HostKey ${folder}/${file}`, `HostCertificate ${folder}/${file}-cert.pub`];
    return await startSshd({ config: [`TrustedUserCAKeys ${folder}/ca.pub`, ...host] });
  };
  const own = await certified("host-own", "127.0.0.1");
  const foreign = await certified("host-foreign", "other.example.com");
  try {
    const add = async (name: string, { port, user }: Sshd, hostCas: string[]): Promise<void> => {
      const directory = join(folder, name);
      mkdirSync(directory, { mode: 0o700 });
      await admin.call("node.add", { body: { name, attributes: { role: "certified" } } });
      const to = { address: "127.0.0.1", port, user, hostCas, directory };
      await assert.rejects(
        admin.call("node.push", { path: { name }, body: { push: to } }),
        (error) => isKeywardError(error, "usage"),
        "ssh2 reads no certificates",
      );
      await admin.call("node.push", { path: { name }, body: { push: { ...to, driver: "openssh" } } });
    };
    await add("own", own, [ca]);
    await add("elsewhere", foreign, [ca]);
    await add("stranger", own, [otherCa]);
    const delivery = { kind: "file", path: "pw", mode: 0o400, offline: "never" } as const;
    await admin.call("grant.add", { body: { key: "db/pw", query: "role:certified", delivery } });
    const codes = new Map<string, string>();
    for await (const line of admin.stream(
      "push.run",
      { body: { query: "role:certified" } },
      new AbortController().signal,
    ))
      if (line.kind !== "begin") codes.set(line.node, line.kind === "failed" ? line.code : line.kind);
    assert.deepEqual([...codes].sort(), [
      ["elsewhere", "integrity"],
      ["own", "done"],
      ["stranger", "integrity"],
    ]);
    assert.equal(readFileSync(join(folder, "own/pw"), "utf8"), "correct horse");
  } finally {
    for (const name of ["own", "elsewhere", "stranger"])
      await admin.call("node.remove", { path: { name } }).catch(() => {});
    await foreign.stop();
    await own.stop();
  }
});

test("the line that lets Keyward in permits files, the programs that it names, and nothing else", async () => {
  const ran = join(folder, "ran");
  const { push } = await admin.call("ssh.keys", {});
  const options = authorizedOptions([
    ["touch", ran],
    ["sh", "-c", `printf '%s' "$0$KEYWARD_KEYS" > "$1"`, "a'b\"c", `${ran}2`],
  ]);
  appendFileSync(join(sshd.folder, "authorized_keys"), `${options} ${push}\n`);
  const directory = join(folder, "restricted");
  mkdirSync(directory, { mode: 0o700 });
  await admin.call("node.add", { body: { name: "web2", attributes: { role: "restricted" } } });
  const to = { address: "127.0.0.1", port: sshd.port, user: sshd.user, hostKeys: [sshd.hostKey], directory };
  await admin.call("node.push", { path: { name: "web2" }, body: { push: to } });
  const grant = async (path: string, run: readonly string[]) => {
    const delivery = { kind: "file" as const, path, mode: 0o400, offline: "never" as const, run: [...run] };
    await admin.call("grant.add", { body: { key: "db/pw", query: "role:restricted", delivery } });
    const lines = [];
    for await (const line of admin.stream(
      "push.run",
      { body: { nodes: ["web2"] } },
      new AbortController().signal,
    ))
      lines.push(line);
    return JSON.stringify(lines);
  };
  await grant("one", ["touch", ran]);
  await grant("two", ["sh", "-c", `printf '%s' "$0$KEYWARD_KEYS" > "$1"`, "a'b\"c", `${ran}2`]);
  await until("both ran", () => [ran, `${ran}2`].every((file) => readIfThere(file) !== null));
  assert.equal(readIfThere(ran), "");
  assert.equal(readIfThere(`${ran}2`), `a'b"cdb/pw`);
  await grant("three", ["touch", `${ran}3`]);
  assert.equal(readIfThere(join(directory, "three")), "correct horse");
  assert.equal(readIfThere(`${ran}3`), null, "a program that is not named does not run");
});
