import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import type { AskHere } from "../../adapters/askpass/askpass.ts";
import { type ErrorCode, KeywardError } from "../../base/errors.ts";
import { Secret } from "../../base/secret.ts";
import type { DurationMs } from "../../base/time.ts";
import type { VolumeName } from "../../model/volume.ts";
import { bootKey } from "./boot-key.ts";

const name = "root" as VolumeName;
const text = (key: Secret): string => Buffer.from(key.reveal()).toString();

/** @param rounds - What the servers do, turn by turn; the last goes on. @param answers - What somebody types. */
function setUp(rounds: readonly (string | ErrorCode)[], answers: readonly (string | null)[] | null) {
  const said: string[] = [];
  const waits: number[] = [];
  let [round, question] = [0, 0];
  let ended = false;
  const serve = async (): Promise<Secret> => {
    const now = rounds[Math.min(round++, rounds.length - 1)] ?? "";
    if (now.startsWith("key ")) return Secret.fromText(now);
    throw new KeywardError(now as ErrorCode, `it is ${now}`);
  };
  const askHere: AskHere = async (_, over) => {
    const answer = answers?.[question++];
    if (answer !== undefined) return answer === null ? null : Secret.fromText(answer);
    // Nobody is there.
    await new Promise((resolve) => over.addEventListener("abort", resolve, { once: true }));
    ended = true;
    return null;
  };
  const parts = {
    serve,
    fits: async (key: Secret) => text(key) === "key recovery" || key.length === 32,
    askHere: answers === null ? null : askHere,
    wait: (ms: number, signal?: AbortSignal) => {
      waits.push(ms);
      return wait(Math.min(ms, 5), undefined, signal === undefined ? {} : { signal }).catch(() => {});
    },
    random: (length: number) => new Uint8Array(length),
    say: (line: string) => void said.push(line),
  };
  const run = (signal = new AbortController().signal) => bootKey(parts, name, 20_000 as DurationMs, signal);
  return { run, said, waits, ended: () => ended };
}

test("a server's key is it, and nobody is asked", async () => {
  const { run, said } = setUp(["key server"], []);
  assert.equal(text(await run()), "key server");
  assert.deepEqual(said, ["root: asking for its key"]);
});

test("without a server somebody types the recovery key, in any of the ways in which people write it", async () => {
  const hex = "ab".repeat(32);
  for (const typed of [hex, hex.toUpperCase(), hex.replace(/(.{8})/g, "$1-"), ` ${hex} `]) {
    const { run } = setUp(["unreachable"], [typed]);
    assert.deepEqual(Buffer.from((await run()).reveal()), Buffer.from(hex, "hex"));
  }
});

test("a wrong key and an empty line are asked for again, no more than once a second", async () => {
  const { run, said, waits } = setUp(["denied"], ["wrong", "", "key recovery"]);
  assert.equal(text(await run()), "key recovery");
  assert.ok(said.includes("root: no key: it is denied"));
  assert.ok(said.includes("root: this key does not open it"));
  assert.equal(waits.filter((ms) => ms === 1000).length, 2);
});

test("a server that comes while nobody answers opens it, and the question ends", async () => {
  const { run, said, ended } = setUp(["unreachable", "unreachable", "timeout", "key server"], []);
  assert.equal(text(await run()), "key server");
  assert.ok(ended());
  assert.ok(said.some((line) => line.includes("still no key: it is timeout")));
});

test("a server that refuses is asked again every half minute, and may think better of it", async () => {
  const { run, waits } = setUp(["denied", "denied", "key server"], []);
  assert.equal(text(await run()), "key server");
  assert.deepEqual(
    waits.filter((ms) => ms !== 1000),
    [30_000, 30_000],
  );
});

test("where nobody is to be asked, what refused it is the end", async () => {
  const { run } = setUp(["denied"], null);
  await assert.rejects(run(), { code: "denied" });
});

test("a question that cannot be asked is the end, rather than a boot that waits for ever", async () => {
  const parts = setUp(["unreachable"], []);
  await assert.rejects(
    bootKey(
      {
        serve: async () => {
          throw new KeywardError("unreachable", "no server");
        },
        fits: async () => true,
        askHere: async () => {
          throw new KeywardError("local", "askpass: nobody can be asked (ENOENT)");
        },
        wait: (ms, signal) => wait(Math.min(ms, 5), undefined, signal ? { signal } : {}).catch(() => {}),
        random: (length) => new Uint8Array(length),
        say: () => {},
      },
      name,
      20_000 as DurationMs,
      new AbortController().signal,
    ),
    { code: "local" },
  );
  assert.equal(parts.ended(), false);
});
