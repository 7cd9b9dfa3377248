import assert from "node:assert/strict";
import { test } from "node:test";
import { until } from "../../test/waiting.ts";
import type { DurationMs } from "../base/time.ts";
import { PROGRAM_PATH, runProgram } from "./process.ts";

const limit = 20_000 as DurationMs;
const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString("utf8");

test("a program sees an empty environment but for PATH and what is handed in", async () => {
  const { output } = await runProgram({ argv: ["env"], environment: { KEYWARD_KEYS: "a/b" }, limit });
  assert.deepEqual(textOf(output).trim().split("\n").sort(), ["KEYWARD_KEYS=a/b", `PATH=${PROGRAM_PATH}`]);
});

test("arguments reach the program as they are, and no shell sees them", async () => {
  const { output } = await runProgram({ argv: ["printf", "%s|", "$(id)", "; rm x", "*"], limit });
  assert.equal(textOf(output), "$(id)|; rm x|*|");
});

test("a program works in / with its standard input closed", async () => {
  const { output } = await runProgram({ argv: ["sh", "-c", "pwd; cat; echo end"], limit });
  assert.equal(textOf(output), "/\nend\n");
});

test("what is handed in comes on standard input, which then ends", async () => {
  const { output } = await runProgram({
    argv: ["sh", "-c", "cat; echo end"],
    input: Buffer.from("all "),
    limit,
  });
  assert.equal(textOf(output), "all end\n");
});

test("a program that does not read what is handed in does no harm", async () => {
  const { end } = await runProgram({ argv: ["true"], input: new Uint8Array(1_000_000), limit });
  assert.deepEqual(end, { kind: "exited", status: 0 });
});

test("standard output is told from standard error", async () => {
  const argv = ["sh", "-c", "echo a; echo b >&2"];
  const { stdout = Buffer.of(), output } = await runProgram({ argv, apart: true, limit });
  assert.equal(textOf(stdout), "a\n");
  assert.equal(textOf(output).length, 4);
});

test("output beyond the limit is dropped and does not stop the program", async () => {
  const { end, output } = await runProgram({
    argv: ["sh", "-c", "head -c 300000 /dev/zero; exit 3"],
    limit,
    keep: 100,
  });
  assert.deepEqual([end, output.length], [{ kind: "exited", status: 3 }, 100]);
});

test("a program past its time limit is killed together with its children", async () => {
  const started = Date.now();
  const { end, output } = await runProgram({
    argv: ["sh", "-c", "sleep 60 & echo $!; wait"],
    limit: 300 as DurationMs,
  });
  assert.equal(end.kind, "timeout");
  assert.ok(Date.now() - started < 50_000);
  const child = Number(textOf(output).trim());
  await until("the child is gone", () => !isAlive(child));
});

test("a program that leaves a daemon behind does not keep us waiting", async () => {
  const started = Date.now();
  const { end, output } = await runProgram({ argv: ["sh", "-c", "sleep 600 & echo $!"], limit });
  assert.deepEqual(end, { kind: "exited", status: 0 });
  assert.ok(Date.now() - started < 500_000);
  process.kill(Number(textOf(output).trim()), "SIGKILL");
});

test("a program that is not there says so", async () => {
  const { end } = await runProgram({ argv: ["/nonexistent/program"], limit });
  assert.deepEqual(end, { kind: "not-started", code: "ENOENT" });
});

test("a program that dies by a signal says which", async () => {
  const { end } = await runProgram({ argv: ["sh", "-c", "kill -TERM $$"], limit });
  assert.deepEqual(end, { kind: "killed", signal: "SIGTERM" });
});

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
