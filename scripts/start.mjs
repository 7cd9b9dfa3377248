/**
 * `npm start`: the main job, end to end, on the embedded store in ./.keyward. A server, a node enrolled with
 * a one-time token, a generated key granted to it by query; the file arrives, the key is rotated, the file
 * is replaced. Then it stays up. A second start goes on with the same data. Every step is a command that one
 * can type oneself, and is shown as such.
 */
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { join, relative } from "node:path";
import { environment, installPackages, node, root, run } from "./prepare.mjs";

const port = Number(process.env.KEYWARD_PORT ?? 5070);
const address = `https://127.0.0.1:${port}`;
const data = join(root, ".keyward");
const keyward = join(root, "bin/keyward");
const nodeState = join(data, "node/state");
const nodeKeys = join(data, "node/keys");
const installed = join(nodeKeys, "demo/password");
const children = [];
let stopping = false;
const env = {
  ...process.env,
  KEYWARD_ADDR: address,
  KEYWARD_CACERT: join(data, "ca.pem"),
  KEYWARD_TOKEN_FILE: join(data, "admin.token"),
};

installPackages();
console.log("building …");
run(node(), ["scripts/build.mjs"], { env: environment() });

const fresh = !existsSync(join(data, "store.db"));
if (fresh) command(["init", "--data", data]);

start("server", ["server", "--data", data, "--listen", `127.0.0.1:${port}`]);
await until("the server answers", 20_000, () => quiet(["status", "-o", "json"]).status === 0);
console.log(`  the server answers at ${address}\n`);

await startNode();
if (await showArrival()) await showRotation();
showNext();
await stopped();

/** A node on this machine, enrolled once. */
async function startNode() {
  const args = ["agent", "--state", nodeState, "--directory", nodeKeys];
  if (existsSync(join(nodeState, "identity.pem"))) {
    start("agent", [...args, "--server", address]);
    return;
  }
  mkdirSync(join(data, "node"), { recursive: true, mode: 0o700 });
  const tokenFile = join(data, "node/join-token");
  rmSync(tokenFile, { force: true });
  const { caFingerprint } = JSON.parse(
    command(["node", "enrol", "local", "role=demo", "--out", tokenFile, "-o", "json"], { show: false }),
  );
  start("agent", [
    ...args,
    "--server",
    address,
    "--name",
    "local",
    "--join-token-file",
    tokenFile,
    "--ca-fingerprint",
    caFingerprint,
  ]);
  await until("the node is enrolled", 20_000, () => existsSync(join(nodeState, "identity.pem")));
  console.log("  enrolled: the node made its own key, and its token is used up\n");
}

/** @returns Whether the file is there. It is not when someone took the key from the node since the last start. */
async function showArrival() {
  if (quiet(["key", "show", "demo/password"]).status !== 0) {
    command(["key", "generate", "demo/password", "--length", "24"]);
    const granted = performance.now();
    command([
      "grant",
      "add",
      "demo/password",
      "--to",
      "role:demo",
      "--path",
      "demo/password",
      "--mode",
      "0400",
    ]);
    await until("the file arrives", 20_000, () => existsSync(installed));
    console.log(
      `  arrived ${Math.round(performance.now() - granted)} ms after the grant was typed: ${describe()}\n`,
    );
    return true;
  }
  if (await within(5000, () => existsSync(installed))) {
    console.log(`  going on with the data of last time: ${describe()}\n`);
    return true;
  }
  command(["why", "local", "demo/password"]);
  return false;
}

async function showRotation() {
  const before = digest();
  const rotation = ["key", "rotate", "demo/password"];
  say(rotation);
  const child = spawn(keyward, rotation, { cwd: root, env, stdio: ["ignore", "pipe", "inherit"] });
  const answered = new Promise((resolve) =>
    child.stdout.once("data", (line) => resolve({ line, at: performance.now() })),
  );
  const replaced = until("the file is replaced", 20_000, () => digest() !== before && performance.now(), 1);
  const { line, at } = await answered;
  process.stdout.write(`  ${line}`);
  const ms = Math.round((await replaced) - at);
  const when = ms > 0 ? `${ms} ms after the command said so` : `${-ms} ms before the command had said so`;
  console.log(`  replaced ${when}: ${describe()}`);
}

function showNext() {
  console.log(`
Keyward serves ${address}; the operator's token lies in ${here(env.KEYWARD_TOKEN_FILE)}.
In another terminal, in this folder:
`);
  const next = [
    "bin/keyward status",
    "bin/keyward why local demo/password",
    "bin/keyward key history demo/password",
    "bin/keyward node set local role=other",
    "bin/keyward audit verify",
  ];
  for (const one of next) console.log(`    ${one}`);
  console.log(`
From another folder, tell them where:

    export KEYWARD_ADDR=${address}
    export KEYWARD_CACERT=${env.KEYWARD_CACERT}
    export KEYWARD_TOKEN_FILE=${env.KEYWARD_TOKEN_FILE}

Ctrl-C stops the server and the node; the data stays in .keyward.`);
}

// ── commands and children ──

/** Run a command as an operator would type it; print it and what it says. */
function command(args, { show = true } = {}) {
  console.log(
    `$ bin/keyward ${args
      .map((arg) => (arg.startsWith(root) ? here(arg) : arg))
      .map(quoted)
      .join(" ")}`,
  );
  const { status, stdout } = spawnSync(keyward, args, {
    cwd: root,
    env,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"],
  });
  if (status !== 0) fail(`that command ended with status ${status}`);
  if (show) process.stdout.write(stdout.replace(/^(?=.)/gm, "  "));
  return stdout;
}

/** Show a command as one would type it. */
function say(args, end = "") {
  const words = args.map((arg) => quoted(arg.startsWith(root) ? here(arg) : arg));
  console.log(`$ bin/keyward ${words.join(" ")}${end}`);
}

function quiet(args) {
  return spawnSync(keyward, args, { cwd: root, env, encoding: "utf8" });
}

function start(name, args) {
  console.log(
    `$ bin/keyward ${args
      .map((arg) => (arg.startsWith(root) ? here(arg) : arg))
      .map(quoted)
      .join(" ")} &`,
  );
  const child = spawn(keyward, args, {
    cwd: root,
    env: name === "agent" ? process.env : env,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const said = [];
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (chunk) => {
      said.push(chunk);
      if (said.length > 50) said.shift();
    });
  child.on("exit", (status) => {
    if (stopping) return;
    const last = Buffer.concat(said).toString();
    const port = last.includes("already in use") ? "\nanother port: KEYWARD_PORT=5080 npm start" : "";
    fail(`the ${name} ended with status ${status}:\n${last}${port}`);
  });
  children.push(child);
}

function stop() {
  stopping = true;
  for (const child of children.toReversed()) child.kill("SIGTERM");
}

function fail(message) {
  console.error(`\n${message}`);
  stop();
  process.exit(1);
}

/** Ctrl-C, the end of the children, or of npm, which does not pass every signal on. */
async function stopped() {
  for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, stop);
  const parent = process.ppid;
  setInterval(() => process.ppid === parent || stop(), 500).unref();
  await Promise.all(children.map((child) => new Promise((resolve) => child.once("exit", resolve))));
}

async function until(what, milliseconds, test, every = 20) {
  const answer = await within(milliseconds, test, every);
  if (!answer) fail(`waited ${milliseconds / 1000} s in vain until ${what}`);
  return answer;
}

/** What `test` answers as soon as that is true, or `false` when the time is over. */
async function within(milliseconds, test, every = 20) {
  for (const end = performance.now() + milliseconds; performance.now() < end; ) {
    const answer = test();
    if (answer) return answer;
    await new Promise((resolve) => setTimeout(resolve, every));
  }
  return false;
}

function digest() {
  try {
    return createHash("sha256").update(readFileSync(installed)).digest("hex");
  } catch {
    return null;
  }
}

/** What can be said of the file without saying what is in it. */
function describe() {
  const { mode, size, uid } = statSync(installed);
  return `${here(installed)}, ${size} bytes, mode ${(mode & 0o777).toString(8).padStart(4, "0")}, owner ${uid}`;
}

function here(path) {
  return relative(root, path) || ".";
}

function quoted(word) {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word}'`;
}
