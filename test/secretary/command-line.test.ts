import assert from "node:assert/strict";
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { type } from "../cli/world.ts";
import { bytes, load } from "../vectors/secretary/load.ts";
import { type Ran, type Run, run } from "./run.ts";

function tree(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .map((name) => `${(statSync(path.join(folder, name)).mode & 0o777).toString(8).padStart(4, "0")} ${name}`)
    .sort();
}

interface CliCase extends Omit<Run, "stdin"> {
  readonly name: string;
  readonly stdin_b64: string;
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly firstLineOnly?: boolean;
  readonly tree?: readonly string[];
}

/** Where ours is safer: docs/formats/secretary.md. */
const repaired: Readonly<Record<string, (ran: Ran) => void>> = {
  "genkeys-overwrites-silently-and-keeps-old-mode": ({ exitCode, stderr, folder }) => {
    assert.equal(exitCode, 1);
    assert.match(stderr, /exists already/);
    assert.deepEqual(tree(folder), ["0644 keys/master-private-key.pem", "0755 keys"]);
    assert.equal(readFileSync(path.join(folder, "keys/master-private-key.pem"), "utf8"), "old\n");
  },
  "unknown-command-exits-0": ({ exitCode, stderr }) => {
    assert.equal(exitCode, 2);
    assert.equal(stderr.split("\n")[0], 'Error: unknown command "bogus" for "secretary"');
  },
  "unknown-flag-exits-0": ({ exitCode, stderr }) => {
    assert.equal(exitCode, 2);
    assert.equal(stderr.split("\n")[0], "Error: unknown flag: --bogus");
  },
  version: ({ stdout }) => assert.match(stdout.toString(), /^\d+\.\d+\.\d+\n$/),
};

for (const one of load("cli").cases as readonly CliCase[]) {
  if (one.argv[0] === "daemon") continue;
  test(`secretary ${one.name}`, async () => {
    process.umask(0o022);
    const ran = await run({ ...one, stdin: bytes(one.stdin_b64) });
    const repair = repaired[one.name];
    if (repair !== undefined) return repair(ran);
    const cut = (text: string): string => (one.firstLineOnly === true ? `${text.split("\n")[0]}\n` : text);
    assert.equal(ran.exitCode, one.exitCode);
    assert.equal(cut(ran.stdout.toString()), one.stdout);
    if (!/unreachable/.test(one.name)) assert.equal(ran.stderr, one.stderr);
    else assert.match(ran.stderr, /^Failed to decrypt using daemon \(.*connection refused\)\n$/);
    if (one.tree !== undefined) assert.deepEqual(tree(ran.folder), one.tree);
  });
}

test("flags may stand before the command, and an unknown one there ends with 2", async () => {
  const stdin = Buffer.from(lookup.envelope as string);
  const env = { CONFIG_PUBLIC_KEY: configKey, KEY: stdinKeys.DEPLOY_PRIVATE_KEY ?? "" };
  const before = await run({ argv: ["--private-key", "KEY", "decrypt"], env, stdin });
  assert.equal(before.stdout.toString(), "correct horse battery staple", before.stderr);
  const first = async (...argv: string[]): Promise<[number, string | undefined]> => {
    const { exitCode, stdout, stderr } = await run({ argv });
    assert.equal(stdout.length, 0);
    return [exitCode, stderr.split("\n")[0]];
  };
  assert.deepEqual(await first("-e", "decrypt"), [2, "Error: unknown shorthand flag: 'e' in -e"]);
  assert.deepEqual(await first("help", "bogus"), [2, "Unknown help topic [`bogus`]"]);
  assert.deepEqual(await first("daemon", "--port", "x"), [
    2,
    'Error: invalid argument "x" for "-p, --port" flag: strconv.ParseInt: parsing "x": invalid syntax',
  ]);
});

test("without keys a broken envelope is told as one that nobody here may open", async () => {
  for (const text of ["ENC[NACL,AAAA]", "a ENC[NACL,A] b ENC[NACL,AAAA]"]) {
    const ran = await run({ argv: ["decrypt"], stdin: Buffer.from(text) });
    assert.equal(ran.stderr, "Not configured for decrypting ENC[NACL,..] values\n");
  }
});

interface Form {
  readonly name: string;
  readonly text: string;
  readonly asEnvValue: { exitCode: number; stdout: string; stderr: string };
  readonly asFile: { exitCode: number; stdout: string; stderr: string };
}

const lookup = load("key-lookup");
const configKey = load("decrypt-stdin").env.CONFIG_PUBLIC_KEY as string;

for (const { name, text, asEnvValue, asFile } of lookup.keyForms as readonly Form[]) {
  test(`a key written as ${name} is ${asFile.exitCode === 0 ? "taken" : "refused"}, in a variable and in a file`, async () => {
    const stdin = Buffer.from(lookup.envelope as string);
    const env = { CONFIG_PUBLIC_KEY: configKey };
    const inVariable = await run({ argv: ["decrypt"], env: { ...env, DEPLOY_PRIVATE_KEY: text }, stdin });
    const files = { "key.pem": text };
    const inFile = await run({ argv: ["decrypt", "--private-key", "key.pem"], env, files, stdin });
    for (const [ran, want] of [
      [inVariable, asEnvValue],
      [inFile, asFile],
    ] as const) {
      assert.equal(ran.exitCode, want.exitCode);
      assert.equal(ran.stdout.toString(), want.stdout);
      assert.equal(ran.stderr.replace(/^warning: .*\n/, ""), want.stderr);
    }
  });
}

interface Lookup extends Run {
  readonly name: string;
  readonly keyUsed: string | null;
  readonly exitCode?: number;
}

/** A flag that names nothing is an error; a variable may hold a file's name, as the parent project takes it. */
const otherKey: Readonly<Record<string, string | null>> = {
  "flag-missing-file-falls-through-to-env": null,
  "flag-missing-file-falls-through-to-default": null,
  "env-holding-a-path-is-an-error-in-the-fork": "deploy",
};

for (const one of lookup.lookup as readonly Lookup[]) {
  const used = otherKey[one.name] === undefined ? one.keyUsed : (otherKey[one.name] ?? null);
  test(`key look-up ${one.name}: ${used ?? "none"}`, async () => {
    for (const [key, envelope] of Object.entries(lookup.probeEnvelopes as Record<string, string>)) {
      const ran = await run({ ...one, stdin: Buffer.from(envelope) });
      assert.equal(ran.exitCode, key === used ? 0 : 1, key);
    }
  });
}

interface TextCase {
  readonly name: string;
  readonly stdin_b64: string;
  readonly exitCode: number;
  readonly stdout_b64: string;
  readonly stderr: string;
}

const stdin = load("decrypt-stdin");
for (const one of stdin.cases as readonly TextCase[]) {
  test(`secretary decrypt ${one.name}`, async () => {
    const ran = await run({ argv: ["decrypt"], env: stdin.env, stdin: bytes(one.stdin_b64) });
    assert.equal(ran.exitCode, one.exitCode, ran.stderr);
    assert.equal(ran.stdout.toString("base64"), one.stdout_b64);
    // what the AWS library says of its own is not repeated
    if (one.name.startsWith("kms-")) assert.equal(ran.stderr === "", one.exitCode === 0);
    else assert.equal(ran.stderr, one.stderr);
  });
}

test("a value that is an envelope's text stays as it is: replacement goes by place", async () => {
  const texts = (stdin.quirks.cases as readonly TextCase[]).map((one) => bytes(one.stdin_b64));
  for (const text of texts) {
    const ran = await run({ argv: ["decrypt"], env: stdin.env, stdin: text });
    assert.equal(ran.exitCode, 0);
    const sides = ran.stdout.toString().split(" | ");
    const at = Buffer.from(text)
      .toString()
      .split(" | ")
      .findIndex((side) => side.startsWith("ENC[NACL,a5f"));
    assert.equal(sides[at], "correct horse battery staple");
    assert.match(sides[1 - at] ?? "", /^ENC\[NACL,a5f/);
  }
});

interface EnvCase {
  readonly name: string;
  readonly environ: readonly { readonly entry_b64: string }[];
  readonly exitCode: number;
  readonly stdout_b64: string;
  readonly stderr: string;
}

const environment = load("decrypt-env");
const runEnv = ({ environ }: EnvCase, ...flags: string[]): Promise<Ran> => {
  const keys = (environment.keyEnv as readonly string[]).map((entry) =>
    Buffer.from(entry).toString("base64"),
  );
  return run({
    argv: ["decrypt", "-e", ...flags],
    environ: [...keys, ...environ.map((one) => one.entry_b64)],
  });
};

for (const one of environment.cases as readonly EnvCase[]) {
  test(`secretary decrypt -e ${one.name}`, async () => {
    const ran = await runEnv(one);
    if (one.name === "plaintext-nul") {
      assert.equal(ran.exitCode, 1);
      assert.equal(ran.stdout.length, 0);
      return assert.match(ran.stderr, /^NUL: .*NUL byte/);
    }
    assert.equal(ran.exitCode, one.exitCode, ran.stderr);
    // All or none: the shell that evaluates the lines does not see the exit status.
    assert.equal(ran.stdout.toString("base64"), one.exitCode === 0 ? one.stdout_b64 : "");
    assert.equal(ran.stderr, one.stderr);
  });
}

test("with --partial, the variables that opened are printed, and no ciphertext ever", async () => {
  const cases = environment.cases as readonly EnvCase[];
  const one = cases.find(({ name }) => name === "one-bad-envelope") ?? assert.fail();
  const ran = await runEnv(one, "--partial");
  assert.equal(ran.exitCode, 1);
  assert.equal(ran.stdout.toString(), "export BUCKET_TOKEN='s3cr3t-Token/42'\n");
});

test("quotes in values are escaped, and an entry without = is passed over", async () => {
  const [inside, around, crash] = environment.quirks.cases as readonly EnvCase[];
  const printed = async (one: EnvCase | undefined) => (await runEnv(one ?? assert.fail())).stdout.toString();
  assert.equal(await printed(inside), "export Q='it'\\''s; touch pwned; '\\'''\n");
  assert.equal(await printed(around), "export R=''\\''correct horse battery staple'\n");
  assert.equal(await printed(crash), "export DATABASE_PASSWORD='correct horse battery staple'\n");
});

const stdinKeys = stdin.env as Record<string, string>;

test("the container's start script, which passes a key where a file is meant, still works", async () => {
  const service = load("keys").pairs[3].privateKey_b64 as string;
  const env = { ...stdinKeys, SERVICE_PRIVATE_KEY: service };
  const argv = ["decrypt", `--service-key=${service}`, "-s", "http://127.0.0.1:1"];
  const ran = await run({ argv, env: { ...env, MASTER_PUBLIC_KEY: configKey }, stdin: Buffer.from("x") });
  assert.equal(ran.exitCode, 0, ran.stderr);
  const wrong = await run({ argv: ["decrypt", "--private-key", service], env: stdinKeys });
  assert.equal(wrong.exitCode, 1);
  assert.ok(!wrong.stderr.includes(service.slice(0, 10)), "a key that was typed is not repeated");
});

test("a private key file that others can read is warned of, one of its owner's is not", async () => {
  const files = { "keys/master-private-key.pem": stdinKeys.DEPLOY_PRIVATE_KEY ?? "" };
  const env = { CONFIG_PUBLIC_KEY: configKey };
  const loose = await run({ argv: ["decrypt"], env, files, stdin: Buffer.from("x") });
  assert.match(
    loose.stderr,
    /^warning: key file .*master-private-key.pem.* can be read by others \(mode 0644\)/,
  );
  assert.equal(loose.exitCode, 0);
  const made = await run({ argv: ["genkeys"] });
  assert.equal(made.stderr, "");
});

test("genkeys takes no name that leads out of its directory, and --force replaces with mode 0600", async () => {
  for (const name of ["../x", "a/b", "", ".", "a\nb"]) {
    const { exitCode, folder } = await run({ argv: ["genkeys", name] });
    assert.equal(exitCode, 1, JSON.stringify(name));
    assert.ok(!existsSync(path.join(folder, "keys")));
  }
  const files = { "keys/master-private-key.pem": "old\n" };
  const { folder } = await run({ argv: ["genkeys", "--force", "master"], files });
  assert.equal(statSync(path.join(folder, "keys/master-private-key.pem")).mode & 0o777, 0o600);
});

test("what encrypt writes decrypt reads: a final newline is part of the value, and -w wraps at 64", async () => {
  const env = {
    PUBLIC_KEY: load("keys").pairs[0].publicKey_b64,
    PRIVATE_KEY: load("keys").pairs[1].privateKey_b64,
  };
  const value = Buffer.from("line\nwith 'quotes'\u0000\n");
  const plain = await run({ argv: ["encrypt"], env, stdin: value });
  assert.match(plain.stdout.toString(), /^ENC\[NACL,[A-Za-z0-9+/=]+\]$/);
  const wrapped = await run({ argv: ["encrypt", "-w"], env, stdin: value });
  assert.match(wrapped.stdout.toString(), /^(?:.{64}\n)+.{1,64}\n$/);
  for (const { stdout } of [plain, wrapped]) {
    const back = await run({ argv: ["decrypt"], env: stdinKeys, stdin: stdout });
    assert.ok(back.stdout.toString().startsWith(value.toString()));
  }
});

test("a gob that claims 2^63 bytes is refused in a moment", async () => {
  const claim = Buffer.concat([Buffer.from("44ff8103", "hex"), Buffer.from("f87fffffffffffffff", "hex")]);
  for (const body of [claim, Buffer.from("f87fffffffffffffff00", "hex")]) {
    const ran = await run({ argv: ["decrypt"], stdin: Buffer.from(`ENC[KMS,${body.toString("base64")}]`) });
    assert.equal(ran.exitCode, 1);
    assert.equal(ran.stdout.length, 0);
    assert.doesNotMatch(ran.stderr, /internal/i);
  }
});

test("ten thousand envelopes in one text are opened, and one bad one among them refuses all", async () => {
  const good = Buffer.from(`${lookup.envelope}\n`.repeat(10_000));
  const ran = await run({ argv: ["decrypt"], env: stdinKeys, stdin: good });
  assert.equal(ran.exitCode, 0, ran.stderr);
  assert.equal(ran.stdout.toString(), "correct horse battery staple\n".repeat(10_000));
  const bad = await run({
    argv: ["decrypt"],
    env: stdinKeys,
    stdin: Buffer.concat([good, Buffer.from("ENC[NACL,AAAA]")]),
  });
  assert.equal(bad.exitCode, 1);
  assert.equal(bad.stdout.length, 0);
});

test("an unreadable key file is an error and not the next place", async () => {
  if (process.getuid?.() === 0) return;
  const files = { "k.pem": "x" };
  const ran = await run({ argv: ["decrypt", "--private-key", "k.pem"], env: stdinKeys, files });
  chmodSync(path.join(ran.folder, "k.pem"), 0);
  assert.equal(ran.exitCode, 1);
});

test("secretary decrypt opens ENC[HPKE,…] where its keys are, and refuses it where they are not", async () => {
  const cwd = mkdtempSync(path.join(tmpdir(), "secretary-"));
  await type(["genkeys"], { cwd });
  const sealed = await type(["encrypt", "PW"], {
    cwd,
    env: { KEYWARD_ENVIRONMENT: "prod" },
    stdin: "correct horse",
  });
  const read = (name: string): string => readFileSync(path.join(cwd, "keys", name), "utf8");
  const entry = Buffer.from(`PW=${sealed.stdout.trim()}`).toString("base64");
  const keys = {
    KEYWARD_ENVIRONMENT: "prod",
    ENVIRONMENT_PRIVATE_KEY: read("environment-private-key.pem"),
    WRITER_PUBLIC_KEY: read("writer-public-key.pem"),
  };
  const opened = await run({ argv: ["decrypt", "-e"], env: keys, environ: [entry] });
  assert.equal(opened.stdout.toString(), "export PW='correct horse'\n", opened.stderr);
  const without = await run({ argv: ["decrypt", "-e"], environ: [entry] });
  assert.equal(without.exitCode, 1);
  assert.equal(without.stdout.length, 0);
  assert.equal(without.stderr, "PW: Not configured for decrypting ENC[HPKE,..] values\n");
});
