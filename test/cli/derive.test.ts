import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, rmSync, statSync } from "node:fs";
import path from "node:path";
import { after, test } from "node:test";
import { Secret } from "../../src/base/secret.ts";
import { openedSeed } from "../../src/derive/opened.ts";
import type { Scheme } from "../../src/model/realm.ts";
import { type SeedForTest, seedForTest } from "./seed-for-test.ts";
import { type Printed, type Typed, type } from "./world.ts";

const made: SeedForTest[] = [];
after(() => made.forEach(({ directory }) => void rmSync(directory, { recursive: true })));

interface Machine extends SeedForTest {
  /** `web-1/ssh --version 1` */
  derive(words: string, more?: Typed): Promise<Printed>;
  /** It must succeed. */
  does(words: string, more?: Typed): Promise<string>;
  realm(words: string): Promise<void>;
}

async function machine(scheme?: Scheme): Promise<Machine> {
  const seed = await seedForTest(scheme);
  made.push(seed);
  const run = (name: string, words: string, more: Typed = {}): Promise<Printed> =>
    type([name, ...words.split(" ")], { cwd: seed.directory, env: seed.env, ...more });
  const succeeds = async (name: string, words: string, more?: Typed): Promise<string> => {
    const { status, stdout, stderr } = await run(name, words, more);
    assert.equal(status, 0, stderr);
    return stdout;
  };
  return {
    ...seed,
    derive: (words, more) => run("derive", words, more),
    does: (words, more) => succeeds("derive", words, more),
    realm: async (words) => void (await succeeds("realm", words)),
  };
}

function sshKeygen(...args: string[]): string {
  const { status, stdout, stderr } = spawnSync("ssh-keygen", args, { encoding: "utf8" });
  assert.equal(status, 0, stderr);
  return stdout;
}

test("a listed realm needs nothing but its name; ssh-keygen agrees on both halves and the fingerprint", async () => {
  const { does, realm, directory } = await machine();
  await realm("add web-1/ssh --kind ed25519 --purpose ssh-host --format openssh");
  assert.equal(await does("web-1/ssh --out id"), "wrote web-1/ssh version 1 to id\n");
  const file = path.join(directory, "id");
  assert.equal(statSync(file).mode & 0o777, 0o600);
  assert.equal(readFileSync(file, "utf8"), await does("web-1/ssh"));
  await does("web-1/ssh --public --out id.pub");
  assert.equal(statSync(`${file}.pub`).mode & 0o777, 0o644);
  const line = readFileSync(`${file}.pub`, "utf8");
  assert.match(line, /^ssh-ed25519 \S+ web-1\/ssh\n$/);
  assert.equal(line, await does("web-1/ssh --format authorized-keys"));
  assert.equal(`${sshKeygen("-y", "-f", file).trim()} web-1/ssh\n`, line);
  const fingerprint = (await does("web-1/ssh --fingerprint")).trim();
  assert.equal(sshKeygen("-l", "-f", `${file}.pub`).split(" ")[1], fingerprint);
  assert.equal(sshKeygen("-l", "-f", file).split(" ")[1], fingerprint);
});

test("the current version is meant, and another only when it is asked for", async () => {
  const { does, derive, realm } = await machine();
  await realm("add web-1/root --kind password --length 20");
  const first = await does("web-1/root");
  assert.match(first, /^[A-Za-z0-9]{20}$/);
  await realm("bump web-1/root --retire 1h");
  const second = await does("web-1/root");
  assert.notEqual(second, first);
  assert.equal(await does("web-1/root --version 1"), first);
  assert.equal(await does("web-1/root --version 2"), second);
  await realm("retire web-1/root --version 1");
  assert.match((await derive("web-1/root --version 1")).stderr, /is retired/);
  const unknown = await derive("web-1/root --version 3");
  assert.equal(unknown.status, 3);
  assert.match(unknown.stderr, /has no version 3/);
  assert.equal(unknown.stdout, "");
});

test("a typo is no such realm, with a suggestion, and no passphrase is asked for", async () => {
  const { derive, realm, directory } = await machine();
  await realm("add web-1/ssh --kind ed25519");
  rmSync(path.join(directory, "key"));
  for (const words of ["web-1/shs", "web-1/shs --kind ed25519", "Web-1/ssh"]) {
    const { status, stdout, stderr } = await derive(words);
    assert.equal(status, 3, words);
    assert.match(stderr, /no such realm: ".*"\n {2}hint: did you mean "web-1\/ssh"\?/);
    assert.equal(stdout, "");
  }
});

test("without a ledger a realm derives nothing, unless it is said to be in none", async () => {
  const { derive, does } = await machine();
  for (const words of ["web-1/ssh", "web-1/ssh --kind ed25519"]) {
    const { status, stdout, stderr } = await derive(words);
    assert.equal(status, 3);
    assert.match(stderr, /ledger .*: there is none/);
    assert.equal(stdout, "");
  }
  using seed = openedSeed("keyward-1", Secret.take(new Uint8Array(32).fill(7)));
  const what = {
    scheme: "keyward-1",
    realm: "web 1",
    kind: { kind: "raw", length: 24 },
    purpose: "p",
  } as const;
  const hex = Buffer.from((await seed.derive(what, 2)).reveal()).toString("hex");
  const words = ["derive", "web 1", "--unlisted", "--kind", "raw", "--length", "24"];
  const { directory, env } = made.at(-1) as SeedForTest;
  const { stdout } = await type([...words, "--purpose", "p", "--version", "2", "--format", "hex"], {
    cwd: directory,
    env,
  });
  assert.equal(stdout, hex);
  assert.match(await does("web-1/ssh --unlisted --kind ed25519"), /^-----BEGIN PRIVATE KEY-----\n/);
  assert.match((await derive("web-1/ssh --unlisted")).stderr, /--kind is missing/);
  const own = await derive("keyward/ledger --unlisted --kind ed25519");
  assert.equal(own.status, 1);
  assert.match(own.stderr, /is the ledger's own/);
});

test("what the ledger says is not overruled by a flag", async () => {
  const { derive, does, realm } = await machine();
  await realm("add web-1/tls --kind p256");
  assert.match((await derive("web-1/tls --kind p384")).stderr, /is listed as p256, not as p384/);
  assert.match((await derive("web-1/tls --purpose x")).stderr, /--purpose goes with --unlisted/);
  assert.equal(await does("web-1/tls --kind p256"), await does("web-1/tls"));
});

test("a terminal shows a secret only with --reveal, and the public half always", async () => {
  const { does, realm } = await machine();
  await realm("add web-1/root --kind password");
  await realm("add web-1/ssh --kind ed25519");
  const secret = await does("web-1/root");
  for (const form of ["table", "json"]) {
    const masked = await does(`web-1/root -o ${form}`, { terminal: true });
    assert.ok(!masked.includes(secret) && !masked.includes(Buffer.from(secret).toString("base64")));
    assert.match(masked, /\[secret, 32 bytes\]/);
  }
  assert.equal(await does("web-1/root --reveal", { terminal: true }), `${secret}\n`);
  const line = await does("web-1/ssh --format authorized-keys", {
    terminal: true,
    env: made.at(-1)?.env ?? {},
  });
  assert.match(line, /^ssh-ed25519 /);
  const json = JSON.parse(await does("web-1/ssh --public -o json"));
  assert.equal(json.version, 1);
  assert.match(Buffer.from(json.value, "base64").toString(), /^-----BEGIN PUBLIC KEY-----/);
});

test("a form that the kind has not is refused before anything is derived", async () => {
  const { derive, realm, directory } = await machine();
  await realm("add web-1/disk --kind luks");
  await realm("add web-1/vpn --kind wireguard");
  const pem = await derive("web-1/disk --format pem");
  assert.equal(pem.status, 1);
  assert.match(pem.stderr, /a key of kind luks is not written as pem\n {2}hint: there are: raw, hex, base64/);
  assert.match((await derive("web-1/disk --public")).stderr, /luks has no public half/);
  assert.match((await derive("web-1/disk --fingerprint")).stderr, /luks has no public half/);
  assert.match((await derive("web-1/vpn --format openssh")).stderr, /is not written as openssh/);
  assert.match((await derive("web-1/vpn --fingerprint --public")).stderr, /--fingerprint goes with neither/);
  assert.ok(!existsSync(path.join(directory, "x")));
});

test("a file that is there is not written over", async () => {
  const { derive, does, realm, directory } = await machine();
  await realm("add web-1/ssh --kind ed25519");
  await does("web-1/ssh --out id");
  const before = readFileSync(path.join(directory, "id"), "utf8");
  const again = await derive("web-1/ssh --out id --version 1");
  assert.equal(again.status, 6);
  assert.equal(readFileSync(path.join(directory, "id"), "utf8"), before);
});

test("a gokey seed's realms come as gokey prints them, and as OpenSSH reads them", async () => {
  const { does, derive, directory } = await machine("gokey-0.2");
  const pem = await does("web-1 --unlisted --kind rsa2048");
  assert.match(pem, /^-----BEGIN RSA PRIVATE KEY-----\n/);
  await does("web-1 --unlisted --kind p521 --format openssh --out id");
  assert.match(sshKeygen("-l", "-f", path.join(directory, "id")), /^521 SHA256:.*ECDSA/);
  assert.match((await derive("web-1 --unlisted --kind luks")).stderr, /gokey-0.2: does not derive luks/);
  assert.match((await derive("web-1 --unlisted --kind ed25519 --purpose x")).stderr, /knows no purpose/);
});

test("a seed that is not there, and one that does not open, say so", async () => {
  const { derive, directory } = await machine();
  const words = "web-1/ssh --unlisted --kind ed25519";
  const absent = await derive(`${words} --seed nowhere`);
  assert.equal(absent.status, 3);
  assert.match(absent.stderr, /there is no seed/);
  rmSync(path.join(directory, "key"));
  assert.equal((await derive(words)).status, 1);
});
