import assert from "node:assert/strict";
import { test } from "node:test";
import type { Foreground } from "../adapters/foreground.ts";
import type { End } from "../adapters/process.ts";
import { utf8 } from "../base/bytes.ts";
import { isKeywardError, KeywardError } from "../base/errors.ts";
import { Secret } from "../base/secret.ts";
import type { World } from "../command/world.ts";
import { type ExecNeeds, runOpened } from "./exec.ts";
import type { Opener, Wanted } from "./opener.ts";

const E = "ENC[NACL,AAAA]";

/** Opens each envelope to what its place is told to hold. */
function opening(values: Record<string, string | Uint8Array | KeywardError>) {
  const asked: (readonly Wanted[])[] = [];
  const opener: Opener = {
    async openAll(wanted) {
      asked.push(wanted);
      return wanted.map(({ variable, what }) => {
        const value = values[variable === "" ? what : variable] ?? "opened";
        if (value instanceof KeywardError) return value;
        return Secret.copy(typeof value === "string" ? utf8(value) : value);
      });
    },
    close() {},
  };
  return { opener, asked };
}

async function run(
  entries: readonly string[],
  needs: Partial<ExecNeeds>,
  values: Parameters<typeof opening>[0] = {},
  end: End = { kind: "exited", status: 0 },
) {
  const { opener, asked } = opening(values);
  const started: Foreground[] = [];
  let stderr = "";
  const world = {
    env: {},
    environ: () => Buffer.from(`${entries.join("\0")}\0`, "latin1"),
    cwd: "/",
    stderr: {
      write: (chunk: string) => {
        stderr += chunk;
      },
    },
  } as unknown as World;
  const all = { argv: ["prog"], strict: false, allowArguments: false, keyVariables: [], ...needs };
  const status = await runOpened(all, opener, world, async (program) => {
    started.push(program);
    return end;
  });
  return { status, stderr, asked, program: started[0] };
}

test("variables and arguments are opened in one batch, each with its name", async () => {
  const ran = await run([`A=${E}`, "B=plain", `C=x${E}y${E}`], {
    argv: ["prog", "-p", `z=${E}`],
    allowArguments: true,
  });
  assert.equal(ran.asked.length, 1);
  assert.deepEqual(
    ran.asked[0]?.map(({ variable, what }) => [variable, what]),
    [
      ["A", "A"],
      ["C", "C"],
      ["C", "C"],
      ["", "argument 2"],
    ],
  );
  assert.deepEqual(ran.program?.environment, { A: "opened", B: "plain", C: "xopenedyopened" });
  assert.deepEqual(ran.program?.argv, ["prog", "-p", "z=opened"]);
  assert.equal(ran.stderr, "");
});

test("the variables that hold keys do not reach the program; its own variables of like names do", async () => {
  const keys = [
    "DEPLOY_PRIVATE_KEY=a",
    "SERVICE_PRIVATE_KEY=b",
    "ENVIRONMENT_PRIVATE_KEY=c",
    "MASTER_PUBLIC_KEY=d",
  ];
  const ran = await run([...keys, "MY_KEY=e", "PRIVATE_KEY=its own"], { keyVariables: ["MY_KEY"] });
  assert.deepEqual(ran.program?.environment, { PRIVATE_KEY: "its own" });
});

test("when one value fails nothing runs", async () => {
  const wrong = new KeywardError("wrong-key", "B: sealed with other keys, or changed");
  for (const entries of [
    [`A=${E}`, `B=${E}`],
    [`B=${E}`, `A=${E}`],
  ]) {
    let ran = false;
    await assert.rejects(
      run(entries, {}, { B: wrong }).then(() => {
        ran = true;
      }),
      (error) => error === wrong,
    );
    assert.equal(ran, false);
  }
});

test("a value with NUL, and one that is no text, are refused by name; quotes and line breaks pass", async () => {
  for (const value of [Uint8Array.of(97, 0, 98), Uint8Array.of(0xff, 0xfe)])
    await assert.rejects(
      run([`A=${E}`], {}, { A: value }),
      (error) => isKeywardError(error, "usage") && /"A"/.test(error.message),
    );
  const odd = 'it\'s "quoted"\nand $HOME `id` \\';
  assert.equal((await run([`A=${E}`], {}, { A: odd })).program?.environment.A, odd);
});

test("an argument is warned of; with --strict it is refused; when the operator accepts it there is silence", async () => {
  const argv = ["prog", E];
  assert.match(
    (await run([], { argv })).stderr,
    /warning.*argument\n {2}hint: others on this machine can read/,
  );
  await assert.rejects(run([], { argv, strict: true }), /an argument holds a sealed value/);
  assert.equal((await run([], { argv, strict: true, allowArguments: true })).program?.argv[1], "opened");
});

test("the environment's order and first entries count; text outside ASCII comes through", async () => {
  const bytes = Buffer.from("é✓").toString("latin1");
  const ran = await run([`B=${bytes}`, "A=1", "A=2"], {});
  assert.deepEqual(Object.entries(ran.program?.environment ?? {}), [
    ["B", "é✓"],
    ["A", "1"],
  ]);
});

test("its exit status is the program's, or what a shell gives", async () => {
  const status = async (end: End) => (await run([], {}, {}, end)).status;
  assert.equal(await status({ kind: "exited", status: 42 }), 42);
  assert.equal(await status({ kind: "killed", signal: "SIGTERM" }), 143);
  assert.equal(await status({ kind: "not-started", code: "ENOENT" }), 127);
  assert.equal(await status({ kind: "not-started", code: "EACCES" }), 126);
});
