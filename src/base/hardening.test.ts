import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readlinkSync } from "node:fs";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { isKeywardError } from "./errors.ts";
import { refuseFlags } from "./hardening.ts";

const hardening = fileURLToPath(new URL("./hardening.ts", import.meta.url));
const program = `
  const { harden } = await import(process.argv[1]);
  const { readFileSync } = await import("node:fs");
  try { harden(); } catch (e) { console.log(e.code + ": " + e.message); process.exit(1); }
  console.log("filter " + Number.parseInt(readFileSync("/proc/self/coredump_filter", "utf8"), 16));
  setInterval(() => {}, 1000);
`;

function start(flags: string[], env: Record<string, string> = {}): ChildProcess {
  return spawn(
    process.execPath,
    [...flags, "--input-type=module", "-e", program, hardening],
    // NODE_TEST_CONTEXT would make the child speak the test runner's protocol
    { env: { PATH: process.env.PATH ?? "", ...env }, stdio: ["ignore", "pipe", "pipe"] },
  );
}

async function firstLine(child: ChildProcess): Promise<string> {
  let text = "";
  for await (const chunk of child.stdout ?? []) {
    text += String(chunk);
    if (text.includes("\n")) break;
  }
  return text.trim();
}

function socketsOf(pid: number): string[] {
  const folder = `/proc/${pid}/fd`;
  const links = readdirSync(folder).map((name) => {
    try {
      return readlinkSync(`${folder}/${name}`);
    } catch {
      return "closed meanwhile";
    }
  });
  return links.filter((link) => link.startsWith("socket:")).sort();
}

test("SIGUSR1 opens no debugger and the process lives on", async () => {
  const child = start([]);
  let stderr = "";
  child.stderr?.on("data", (chunk) => {
    stderr += String(chunk);
  });
  assert.equal(await firstLine(child), "filter 0");
  const before = socketsOf(child.pid ?? 0);
  for (let i = 0; i < 3; i++) {
    process.kill(child.pid ?? 0, "SIGUSR1");
    await sleep(50);
  }
  await sleep(150);
  assert.equal(child.exitCode, null);
  assert.equal(stderr, "");
  assert.deepEqual(socketsOf(child.pid ?? 0), before);
  child.kill("SIGKILL");
  await once(child, "exit");
});

test("inspector flags stop the start, on the command line and in NODE_OPTIONS", async () => {
  for (const [flags, env] of [
    [["--inspect=127.0.0.1:0"], {}],
    [[], { NODE_OPTIONS: "--inspect_port=0 --inspect=127.0.0.1:0" }],
  ] as [string[], Record<string, string>][]) {
    const child = start(flags, env);
    const line = await firstLine(child);
    assert.match(line, /^local: node was started with --inspect/);
    if (child.exitCode === null) await once(child, "exit");
    assert.equal(child.exitCode, 1);
  }
});

test("flags that write memory or session keys to disk are refused, others are not", () => {
  for (const flag of [
    "--inspect-brk",
    "--heapsnapshot-signal=SIGUSR2",
    "--heap-prof",
    "--report-on-signal",
    "--tls-keylog=/tmp/k",
    "--trace-tls",
    "--abort_on_uncaught_exception",
  ]) {
    assert.throws(
      () => refuseFlags({ execArgv: [flag], nodeOptions: "" }),
      (e) => isKeywardError(e, "local") && !e.message.includes("/tmp"),
    );
    assert.throws(() => refuseFlags({ execArgv: [], nodeOptions: `--no-warnings "${flag}"` }));
  }
  refuseFlags({ execArgv: ["--disable-sigusr1", "--max-old-space-size=300"], nodeOptions: "--no-warnings" });
});
