import assert from "node:assert/strict";
import { test } from "node:test";
import type { Line } from "./guest/report.ts";
import { watch } from "./watch.ts";

/** A process that says these lines, one after the other, and then does what is asked. */
const says = (lines: readonly (Line | string)[], then = ""): string[] => [
  process.execPath,
  "-e",
  `for (const line of ${JSON.stringify(lines)}) console.log(typeof line === "string" ? line : JSON.stringify(line));${then}`,
];
const WAIT = "setInterval(() => {}, 1000)";

test("a guest that ran to its end is off, and its checks and facts are there", async () => {
  const seen = await watch(
    says([
      { kind: "check", name: "good", failure: null, ms: 1 },
      { kind: "check", name: "bad", failure: "why", ms: 1 },
      { kind: "tell", name: "fact", value: "1" },
      { kind: "end" },
    ]),
    60_000,
    null,
  );
  assert.equal(seen.end, "off");
  assert.deepEqual(seen.checks, [
    { name: "good", failure: null, ms: 1 },
    { name: "bad", failure: "why", ms: 1 },
  ]);
  assert.deepEqual(seen.told, { fact: "1" });
});

test("a guest that ends before its program does has died, and what it said is kept", async () => {
  const seen = await watch(
    says(["Kernel panic", { kind: "check", name: "a", failure: null, ms: 1 }]),
    60_000,
    null,
  );
  assert.equal(seen.end, "died");
  assert.deepEqual(seen.noise, ["Kernel panic"]);
});

test("the power is cut at the mark that was asked for, and at no other", async () => {
  const lines: Line[] = [
    { kind: "mark", name: "one" },
    { kind: "mark", name: "two" },
  ];
  assert.equal((await watch(says(lines, WAIT), 60_000, "two")).end, "cut");
  assert.equal((await watch(says(lines), 60_000, "three")).end, "died");
});

test("at the deadline it is killed", async () => {
  assert.equal((await watch(says([], WAIT), 500, null)).end, "deadline");
});

test("firmware that speaks on the same line hides no report", async () => {
  const seen = await watch(says([`\u001b[2J${JSON.stringify({ kind: "end" })}`]), 60_000, null);
  assert.equal(seen.end, "off");
});

test("a machine that has switched itself off is off, also when its process stays", async () => {
  const halted = `console.error("reboot: System halted"); ${WAIT}`;
  const [ran, broken] = await Promise.all([
    watch(says([{ kind: "end" }], halted), 600_000, null),
    watch(says([], halted), 600_000, null),
  ]);
  assert.deepEqual([ran.end, broken.end], ["off", "died"]);
});
