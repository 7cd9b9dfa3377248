import assert from "node:assert/strict";
import { copyFileSync, existsSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { after, test } from "node:test";
import { openLedger } from "../../src/formats/ledger/ledger.ts";
import type { Scheme } from "../../src/model/realm.ts";
import { type SeedForTest, seedForTest } from "./seed-for-test.ts";
import { type Printed, type } from "./world.ts";

const made: SeedForTest[] = [];
after(() => made.forEach(({ directory }) => void rmSync(directory, { recursive: true })));

interface Machine extends SeedForTest {
  readonly file: string;
  realm(...words: string[]): Promise<Printed>;
  /** It must succeed. */
  does(...words: string[]): Promise<string>;
}

async function machine(scheme?: Scheme, fill?: number): Promise<Machine> {
  const seed = await seedForTest(scheme, fill);
  made.push(seed);
  const realm = (...words: string[]): Promise<Printed> =>
    type(["realm", ...words], { cwd: seed.directory, env: seed.env });
  return {
    ...seed,
    file: path.join(seed.directory, "ledger"),
    realm,
    async does(...words) {
      const { status, stdout, stderr } = await realm(...words);
      assert.equal(status, 0, stderr);
      return stdout;
    },
  };
}

test("a realm is listed beside the seed, bumped, retired, and shown without opening the seed", async () => {
  const { does, file, directory } = await machine();
  const words = [
    "--kind",
    "ed25519",
    "--format",
    "openssh",
    "--purpose",
    "ssh-host",
    "--note",
    "the host's key",
  ];
  assert.equal(await does("add", "web-1/ssh", ...words), "added web-1/ssh version 1\n");
  assert.equal(statSync(file).mode & 0o777, 0o644);
  assert.match(
    await does("bump", "web-1/ssh", "--retire", "24h"),
    /^bumped web-1\/ssh version 2\nversion 1 stays derivable until 2023-/,
  );
  rmSync(path.join(directory, "key"));
  assert.match(
    await does("list"),
    /^NAME +VERSION +KIND +FORMAT +CHANGED +NOTE\nweb-1\/ssh +2 +ed25519 +openssh +2023.* +the host's key\n$/,
  );
  assert.match(
    await does("show", "web-1/ssh"),
    /^purpose +"ssh-host"\n(?:.*\n)*1 +retiring until .*\n2 +current +2023.* [0-9a-f]{32}\n$/m,
  );
  assert.equal(await does("list", "-o", "name"), "web-1/ssh\n");
  const [realm] = JSON.parse(await does("list", "-o", "json")).realms;
  assert.deepEqual(realm.derivation, {
    scheme: "keyward-1",
    realm: "web-1/ssh",
    kind: { kind: "ed25519" },
    purpose: "ssh-host",
  });
});

test("a typo finds no realm, and says which one was meant", async () => {
  const { does, realm } = await machine();
  await does("add", "web-1/ssh", "--kind", "ed25519");
  for (const act of ["show", "bump", "retire"]) {
    const { status, stderr } = await realm(act, "web-1/shs");
    assert.equal(status, 3);
    assert.match(stderr, /no such realm: "web-1\/shs"\n.*did you mean "web-1\/ssh"\?/);
  }
});

test("a dry run says what would be, and changes nothing", async () => {
  const { does, file } = await machine();
  assert.match(await does("add", "a", "--kind", "luks", "--dry-run"), /^would be added: a version 1/);
  assert.ok(!existsSync(file));
  await does("add", "a", "--kind", "luks");
  const before = readFileSync(file);
  assert.match(await does("bump", "a", "--dry-run"), /^would be bumped: a version 2/);
  assert.match(await does("retire", "a", "--dry-run"), /^would be retired: a version 1/);
  assert.deepEqual(readFileSync(file), before);
});

test("a password's policy, a file with its program, a consumer: all of it stands in the ledger", async () => {
  const { does, file } = await machine();
  const policy = ["--kind", "password", "--length", "20", "--classes", "lower,special", "--specials", "_-"];
  await does("add", "root", ...policy, "--consumer", "--", "/usr/sbin/chpasswd", "-e");
  await does(
    "add",
    "disk",
    "--kind",
    "luks",
    "--file",
    "/run/disk.key",
    "--owner",
    "root",
    "--",
    "/bin/true",
  );
  const [disk, root] = openLedger(readFileSync(file)).realms;
  assert.deepEqual(disk?.delivery, {
    kind: "file",
    path: "/run/disk.key",
    owner: "root",
    mode: 0o400,
    run: ["/bin/true"],
  });
  assert.deepEqual(root?.delivery, { kind: "consumer", run: ["/usr/sbin/chpasswd", "-e"] });
  assert.deepEqual(root?.derivation.kind, {
    kind: "password",
    policy: { length: 20, classes: ["lower", "special"], specials: "-_" },
  });
});

test("what would do nothing, or something else than it says, is refused before the seed is opened", async () => {
  const { realm, file } = await machine();
  const bad: [string[], RegExp][] = [
    [["add", "a"], /--kind is missing/],
    [["add", "a b", "--kind", "luks"], /key name/],
    [["add", "a", "--kind", "luks", "--length", "3"], /--length does not go with --kind luks/],
    [["add", "a", "--kind", "luks", "--format", "pem"], /not written as pem/],
    [["add", "a", "--kind", "luks", "--file", "a.key"], /want an absolute one/],
    [["add", "a", "--kind", "luks", "--owner", "root"], /go with --file/],
    [["add", "a", "--kind", "luks", "--consumer"], /program is missing/],
    [["add", "a", "--kind", "luks", "--", "/bin/true"], /goes with --file or --consumer/],
    [["add", "a", "--kind", "luks", "--consumer", "--", "true"], /want an absolute path/],
    [["add", "a", "--kind", "luks", "--version", "0"], /--version "0"/],
    [["add", "keyward/ledger", "--kind", "luks"], /one of Keyward's own/],
    [["add", "a", "--kind", "pass"], /keyward-1/],
    [["add", "a", "--kind", "luks", "--scheme", "gokey-0.2"], /scheme gokey-0.2/],
    [["retire", "a", "--in", "soon"], /duration "soon"/],
  ];
  for (const [words, message] of bad) {
    const { status, stderr } = await realm(...words);
    assert.equal(status, 1, words.join(" "));
    assert.match(stderr, message);
  }
  assert.ok(!existsSync(file));
});

test("a retired realm stays known and is not listed a second time", async () => {
  const { does, realm } = await machine();
  await does("add", "a", "--kind", "luks");
  await does("retire", "a");
  assert.match(await does("list"), /^a +retired/m);
  const again = await realm("add", "a", "--kind", "luks");
  assert.equal(again.status, 6);
  assert.match(again.stderr, /is listed already\n.*keyward realm bump a/);
  assert.match(await does("bump", "a"), /^bumped a version 2/);
});

test("an imported gokey seed's realms are kept byte for byte and shown escaped, and those of 0.1 are to be rotated", async () => {
  const { does, file } = await machine("gokey-0.1");
  const text = " My bank\u202e e\u0301";
  await does("add", "bank", "--kind", "pass", "--length", "12", "--text", text);
  await does("add", "ssh", "--kind", "rsa2048", "--version", "7");
  assert.equal(openLedger(readFileSync(file)).realms[0]?.derivation.realm, text);
  const listed = await does("list");
  assert.match(listed, /" My bank\\u202e e\u0301"/);
  assert.doesNotMatch(listed, /\u202e/);
  assert.match(await does("list", "--rotate"), /^bank +1 +gokey-0\.1: .*\nssh +7 +gokey-0\.1: /m);
});

test("a key is not listed under two names", async () => {
  const { does, realm } = await machine("gokey-0.2");
  await does("add", "ssh", "--kind", "ed25519");
  await does("add", "old", "--kind", "ed25519", "--text", "ssh-v2");
  const { status, stderr } = await realm("bump", "ssh");
  assert.equal(status, 6);
  assert.match(stderr, /"ssh" version 2: is the key of "old" version 1/);
});

test("a ledger that anybody changed is refused, with and without the seed", async () => {
  const { does, realm, file } = await machine();
  await does("add", "web/ssh", "--kind", "ed25519");
  writeFileSync(file, readFileSync(file, "utf8").replace("web/ssh", "web/ssl"));
  for (const words of [["list"], ["show", "web/ssl"], ["bump", "web/ssl"]]) {
    const { status, stderr } = await realm(...words);
    assert.equal(status, 7);
    assert.match(stderr, /the signature does not fit/);
  }
});

test("another seed's ledger is not changed with this one", async () => {
  const mine = await machine("keyward-1", 7);
  const theirs = await machine("keyward-1", 8);
  await theirs.does("add", "a", "--kind", "luks");
  const { status, stderr } = await mine.realm("bump", "a", "--ledger", theirs.file);
  assert.equal(status, 7);
  assert.match(stderr, /it is of seed [0-9a-f]{16}, and this seed is/);
});

test("an older ledger, and one that was removed, are noticed", async () => {
  const { does, realm, file } = await machine();
  await does("add", "a", "--kind", "luks");
  copyFileSync(file, `${file}.old`);
  await does("bump", "a");
  copyFileSync(`${file}.old`, file);
  for (const words of [["list"], ["bump", "a"]]) {
    const { status, stderr } = await realm(...words);
    assert.equal(status, 7);
    assert.match(stderr, /an older one: sequence 1, and 2 has been seen/);
  }
  assert.match(await does("list", "--accept-older"), /^a +1 /m);
  assert.match(await does("list"), /^a +1 /m);
  rmSync(file);
  assert.match(
    (await realm("add", "b", "--kind", "luks")).stderr,
    /there is none, and one with sequence 1 has been seen/,
  );
  await does("add", "b", "--kind", "luks", "--accept-older");
});

test("a ledger signed by another key than the one that was seen for its seed is refused without the seed", async () => {
  const { does, realm, directory } = await machine();
  await does("add", "a", "--kind", "luks");
  const pins = path.join(directory, ".config/keyward/ledgers.json");
  const pinned = readFileSync(pins, "utf8");
  writeFileSync(pins, pinned.replace(/"key": "[^"]+"/, `"key": "${Buffer.alloc(32).toString("base64")}"`));
  const { status, stderr } = await realm("list");
  assert.equal(status, 7);
  assert.match(stderr, /another key signed it than the one seen before/);
  await does("bump", "a");
  await does("list");
});

test("no ledger yet: the first step is named", async () => {
  const { realm } = await machine();
  const { status, stderr } = await realm("list");
  assert.equal(status, 3);
  assert.match(stderr, /there is none\n.*keyward realm add/);
});
