import assert from "node:assert/strict";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { type } from "../../test/cli/world.ts";
import { keyBetween, load, pairs } from "../../test/vectors/secretary/load.ts";
import { cpuMs } from "../../test/waiting.ts";
import { systemRandom } from "../crypto/random.ts";
import { sealNacl } from "../formats/secretary/nacl.ts";
import { findEnvelopes } from "../formats/secretary/recognise.ts";

const pem = (name: string) => pairs.find((pair) => pair.name === name);
const old = keyBetween("config.private", "master.public");
const sealed = (value: string): string => sealNacl(old, systemRandom(24), Buffer.from(value));

/** A folder with the old keys, and new ones for `prod`. */
async function folderWith(files: Readonly<Record<string, string | Uint8Array>>): Promise<string> {
  const cwd = mkdtempSync(path.join(tmpdir(), "keyward-reseal-"));
  await type(["genkeys"], { cwd });
  writeFileSync(path.join(cwd, "keys/master-private-key.pem"), pem("master")?.privatePem ?? "", {
    mode: 0o600,
  });
  writeFileSync(path.join(cwd, "keys/config-public-key.pem"), pem("config")?.publicPem ?? "");
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(path.dirname(path.join(cwd, name)), { recursive: true });
    writeFileSync(path.join(cwd, name), content);
  }
  return cwd;
}

const env = { KEYWARD_ENVIRONMENT: "prod" };
const read = (cwd: string, name: string): Buffer => readFileSync(path.join(cwd, name));

test("a repository's envelopes become HPKE, each bound to its name, and every other byte stays", async () => {
  const odd = Buffer.concat([
    Buffer.from(`A=${sealed("a")} \r\n`),
    Buffer.from([0xff, 0xfe, 0x0a]),
    Buffer.from("end, no line feed"),
  ]);
  const yaml = `# comment\nenv:\n  PW:   "${sealed("correct horse")}"   # kept\n  URL: amqp://u:${sealed("p")}@h\n`;
  const cwd = await folderWith({
    "app/config.yaml": yaml,
    "odd.env": odd,
    ".git/objects/x": `PW=${sealed("x")}`,
    "plain.txt": "nothing",
  });
  const { status, stdout } = await type(["reseal", "app", "odd.env", "plain.txt", ".", "-o", "json"], {
    cwd,
    env,
  });
  assert.equal(status, 0);
  assert.equal(JSON.parse(stdout).resealed, 3);
  const rest = (text: Buffer): string => text.toString("latin1").replace(/ENC\[[A-Z]+,[^\]]*\]/g, "*");
  assert.equal(rest(read(cwd, "app/config.yaml")), rest(Buffer.from(yaml)));
  assert.equal(rest(read(cwd, "odd.env")), rest(odd));
  assert.match(read(cwd, ".git/objects/x").toString(), /ENC\[NACL/);
  const back = await type(["decrypt"], { cwd, env, stdin: read(cwd, "app/config.yaml") });
  assert.match(back.stdout, /PW: {3}"correct horse" {3}# kept\n {2}URL: amqp:\/\/u:p@h\n$/);
  const [moved] = findEnvelopes(read(cwd, "app/config.yaml").toString());
  const elsewhere = await type(["decrypt"], { cwd, env, stdin: `OTHER: ${moved?.envelope}` });
  assert.equal(elsewhere.status, 7);
});

test("a second run changes nothing, and --check says whether a first is due", async () => {
  const cwd = await folderWith({ "a.env": `A=${sealed("a")}\n` });
  const due = await type(["reseal", "a.env", "--check"], { cwd, env });
  assert.equal(due.status, 8);
  assert.match(read(cwd, "a.env").toString(), /NACL/);
  assert.equal((await type(["reseal", "a.env"], { cwd, env })).status, 0);
  const once = read(cwd, "a.env");
  assert.equal((await type(["reseal", "a.env"], { cwd, env })).status, 0);
  assert.deepEqual(read(cwd, "a.env"), once);
  assert.equal((await type(["reseal", "a.env", "--check"], { cwd, env })).status, 0);
});

test("to new keys: the old ones are no longer needed afterwards", async () => {
  const cwd = await folderWith({ "a.env": `A=${sealed("a")}\n` });
  await type(["reseal", "a.env"], { cwd, env });
  await type(["genkeys", "new", "--kind", "environment"], { cwd });
  const to = ["--to", "keys/new-public-key.pem"];
  assert.equal((await type(["reseal", "a.env", ...to], { cwd, env })).status, 0);
  assert.equal((await type(["decrypt"], { cwd, env, stdin: read(cwd, "a.env") })).status, 7);
  const opened = await type(["decrypt", "--key", "keys/new-private-key.pem"], {
    cwd,
    env,
    stdin: read(cwd, "a.env"),
  });
  assert.equal(opened.stdout, "A=a\n");
});

test("one envelope that does not open leaves its file as it was; the others are done, and the end says so", async () => {
  const bad = `A=${sealed("a")}\nB=ENC[NACL,AAAA]\n`;
  const cwd = await folderWith({ "bad.env": bad, "good.env": `A=${sealed("a")}\n` });
  const { status, stdout, stderr } = await type(["reseal", "bad.env", "good.env"], { cwd, env });
  assert.equal(status, 1);
  assert.match(stdout, /bad\.env.*bad\.env:2: 3 bytes, shorter than/);
  assert.match(stderr, /bad\.env:2/);
  assert.equal(read(cwd, "bad.env").toString(), bad);
  assert.match(read(cwd, "good.env").toString(), /^A=ENC\[HPKE/);
  assert.deepEqual(
    readdirSync(cwd).filter((name) => name.startsWith(".")),
    [],
  );
});

test("modes stay, links stay links and are not walked, binary and huge files are passed over", async () => {
  const text = `A=${sealed("a")}\n`;
  const cwd = await folderWith({ "a.env": text, "sub/real.env": text, "bin.dat": `\0${text}` });
  writeFileSync(path.join(cwd, "wide.env"), text, { mode: 0o666 });
  symlinkSync("sub/real.env", path.join(cwd, "link.env"));
  symlinkSync("/etc", path.join(cwd, "out"));
  writeFileSync(path.join(cwd, "huge.txt"), Buffer.alloc(16_777_217, 0x20));
  const before = statSync(path.join(cwd, "wide.env")).mode;
  const { stdout } = await type(["reseal", ".", "-o", "json"], { cwd, env });
  const answer = JSON.parse(stdout);
  assert.equal(answer.resealed, 3);
  assert.deepEqual(
    answer.passedOver.map((one: { shown: string; why: string }) => `${one.shown} ${one.why}`),
    ["bin.dat binary", "huge.txt too large"],
  );
  assert.equal(statSync(path.join(cwd, "wide.env")).mode, before);
  const named = await type(
    ["reseal", "link.env", "--to", "keys/environment-public-key.pem", "--format", "hpke"],
    { cwd, env },
  );
  assert.equal(named.status, 0);
});

test("ten thousand envelopes in one file are sealed anew", async () => {
  const cwd = await folderWith({
    "many.env": Array.from({ length: 10_000 }, (_, i) => `V${i}=${sealed(String(i))}\n`).join(""),
  });
  const started = cpuMs();
  assert.equal((await type(["reseal", "many.env"], { cwd, env })).status, 0);
  const scanned = await type(["scan", "many.env", "-o", "json"], { cwd, env });
  assert.equal(JSON.parse(scanned.stdout).sealed[9999].variable, "V9999");
  assert.equal((await type(["reseal", "many.env", "--check"], { cwd, env })).status, 0);
  assert.ok(cpuMs() - started < 60_000);
});

test("scan says format, key and variable of each value, and finds what lies there in plain text", async () => {
  const kms = load("kms").cases[0].envelope as string;
  const cwd = await folderWith({
    "a.yaml": `PW: ${sealed("a")}\nK: ${kms}\nBAD: ENC[NACL,AAAA]\ndb_password: hunter2222\n`,
  });
  await type(["reseal", "a.yaml"], { cwd, env });
  const hpke = (await type(["encrypt", "X"], { cwd, env, stdin: "v" })).stdout.trim();
  writeFileSync(path.join(cwd, "b.env"), `X=${hpke}\n`);
  const { status, stdout } = await type(["scan", "a.yaml", "b.env", "-o", "json"], { cwd });
  assert.equal(status, 0);
  const { sealed: found, plain } = JSON.parse(stdout);
  assert.deepEqual(
    found.map((one: { line: number; variable: string; format: string; key: string }) => [
      one.line,
      one.variable,
      one.format,
      one.key.length,
    ]),
    [
      [1, "PW", "nacl", 0],
      [2, "K", "kms", 0],
      [3, "BAD", "nacl", 0],
      [1, "X", "hpke", 16],
    ],
  );
  assert.match(found[2].error, /shorter than/);
  assert.deepEqual(plain, [{ file: "a.yaml", line: 4, rule: "variable", what: "db_password" }]);
  assert.ok(!stdout.includes("hunter2222"));
  assert.equal((await type(["scan", "--check"], { cwd })).status, 1);
  assert.equal((await type(["scan", "--check", "b.env"], { cwd })).status, 0);
});
