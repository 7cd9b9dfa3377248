import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { findProgram } from "./foreground.ts";

const folder = mkdtempSync(path.join(tmpdir(), "keyward-foreground-"));
const here = new URL("./foreground.ts", import.meta.url).href;

/** A process that runs a program in the foreground and prints how it ended. */
function start(argv: readonly string[], environment: Record<string, string> = { PATH: "/bin:/usr/bin" }) {
  const program = JSON.stringify({ argv, environment, cwd: folder });
  const script = `const { runForeground } = await import(${JSON.stringify(here)});
    const end = await runForeground(${program});
    console.log(JSON.stringify(end));`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", script]);
  let text = "";
  child.stdout.on("data", (chunk) => {
    text += chunk;
  });
  const said = async (pattern: RegExp): Promise<void> => {
    while (!pattern.test(text)) await new Promise((resolve) => setTimeout(resolve, 10));
  };
  const ended = new Promise<string>((resolve) => child.on("close", () => resolve(text)));
  return { child, said, ended };
}

const endOf = (text: string): unknown => JSON.parse(text.trimEnd().split("\n").at(-1) ?? "");

test("a program has these streams, this directory and exactly this environment", async () => {
  const { child, ended } = start(
    ["sh", "-c", 'read line; echo "got $line"; pwd; env | grep -v ^PWD; exit 7'],
    {
      PATH: "/bin:/usr/bin",
      ONLY: "this",
    },
  );
  child.stdin.end("a line\n");
  const text = await ended;
  assert.match(text, /got a line\n/);
  assert.ok(text.includes(`${folder}\n`));
  assert.match(text, /ONLY=this/);
  assert.doesNotMatch(text, /HOME=/);
  assert.deepEqual(endOf(text), { kind: "exited", status: 7 });
});

for (const signal of ["SIGTERM", "SIGHUP", "SIGINT", "SIGUSR1", "SIGUSR2", "SIGQUIT"] as const) {
  test(`${signal} is passed on, and the program decides`, async () => {
    const name = signal.slice(3);
    const script = `trap 'echo told; exit 9' ${name}; echo ready; while :; do sleep 0.02; done`;
    const { child, said, ended } = start(["sh", "-c", script]);
    await said(/ready/);
    child.kill(signal);
    const text = await ended;
    assert.match(text, /told/);
    assert.deepEqual(endOf(text), { kind: "exited", status: 9 });
  });
}

test("a program that a signal ends says which", async () => {
  const { ended } = start(["sh", "-c", "kill -KILL $$"]);
  assert.deepEqual(endOf(await ended), { kind: "killed", signal: "SIGKILL" });
});

test("what cannot be started says why", async () => {
  writeFileSync(path.join(folder, "no-interpreter"), "#!/no/such/interpreter\n", { mode: 0o755 });
  for (const [name, code] of [
    ["no-such-program", "ENOENT"],
    [folder, "EACCES"],
    ["./no-interpreter", "ENOENT"],
  ]) {
    const { ended } = start([name ?? ""]);
    assert.deepEqual(endOf(await ended), { kind: "not-started", code });
  }
});

test("a program is looked for as execvp does: past what cannot be executed, and relative to this directory", () => {
  for (const name of ["one", "two"]) mkdirSync(path.join(folder, name));
  writeFileSync(path.join(folder, "one/tool"), "");
  assert.deepEqual(findProgram("tool", "one:two", folder), { code: "EACCES" });
  writeFileSync(path.join(folder, "two/tool"), "");
  chmodSync(path.join(folder, "two/tool"), 0o755);
  assert.deepEqual(findProgram("tool", "one:two", folder), { file: path.join(folder, "two/tool") });
  assert.deepEqual(findProgram("two/tool", "", folder), { file: path.join(folder, "two/tool") });
  assert.deepEqual(findProgram("tool", "none", folder), { code: "ENOENT" });
  assert.deepEqual(findProgram("", "one", folder), { code: "ENOENT" });
});
