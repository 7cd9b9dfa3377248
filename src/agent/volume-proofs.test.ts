import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { KeywardError } from "../base/errors.ts";
import { systemRandom } from "../crypto/random.ts";
import type { Server } from "./ask-volume.ts";
import { openState } from "./state.ts";
import { createVolumeProofs } from "./volume-proofs.ts";

interface Report {
  readonly challenge: string;
  readonly proofs: readonly { readonly key: string; readonly version: number }[];
}
const proof = (key: string, version = 1) => ({ key, version, proof: "AAAA" });

function setUp(t: TestContext) {
  const root = mkdtempSync(join(tmpdir(), "keyward-proofs-"));
  const state = openState(root, "boot-1", systemRandom);
  t.after(() => {
    state.close();
    rmSync(root, { recursive: true });
  });
  const reports: Report[] = [];
  const waits: (() => void)[] = [];
  const told: string[] = [];
  const note = (fields: object, message: string) => void told.push(`${message} ${JSON.stringify(fields)}`);
  const over = new AbortController();
  /** Of each server: how it answers. */
  const answers: (() => object)[] = [];
  const start = () =>
    createVolumeProofs({
      state,
      servers: () =>
        answers.map(
          (answer): Server => ({
            address: "https://example:1",
            call: (async (_operation: string, { body }: { body: Report }) => {
              const { accepted = body.proofs, refused = [] } = answer() as Record<string, object[]>;
              reports.push(body);
              return { accepted, refused };
            }) as never,
          }),
        ),
      wait: (_ms, signal) =>
        new Promise((resolve) => {
          waits.push(resolve);
          signal?.addEventListener("abort", () => resolve());
        }),
      random: systemRandom,
      log: { info: note, warn: note, error: note },
      signal: over.signal,
    });
  return { start, answers, reports, waits, told, over, file: join(root, "proofs.json") };
}

const fails = (code: "unreachable" | "malformed" | "denied") => () => {
  throw new KeywardError(code, "x");
};

test("what answers one challenge goes in one report, and is kept until it is heard", async (t) => {
  const { start, answers, reports, file } = setUp(t);
  const proofs = start();
  await proofs.send();
  proofs.add("one", [proof("disk/a"), proof("disk/b")]);
  proofs.add("one", [proof("disk/c")]);
  proofs.add("two", [proof("disk/d")]);
  proofs.add("two", [proof("disk/a", 2)]);
  assert.equal(statSync(file).mode & 0o777, 0o600);
  answers.push(() => ({}));
  await proofs.send();
  assert.deepEqual(
    reports.map(({ challenge, proofs }) => [
      challenge,
      proofs.map(({ key, version }) => `${key}@${version}`),
    ]),
    [
      ["one", ["disk/b@1", "disk/c@1"]],
      ["two", ["disk/d@1", "disk/a@2"]],
    ],
  );
  assert.equal(existsSync(file), false);
  await proofs.send();
  assert.equal(reports.length, 2);
});

test("another server takes it; when none does, it is said again, also by the next run", async (t) => {
  const { start, answers, reports, waits, over, file } = setUp(t);
  answers.push(fails("unreachable"), () => ({}));
  const proofs = start();
  proofs.add("one", [proof("disk/a")]);
  await proofs.send();
  assert.equal(reports.length, 1);

  answers.splice(0, 2, fails("unreachable"), fails("denied"));
  proofs.add("one", [proof("disk/b")]);
  await proofs.send();
  await proofs.send();
  assert.equal(waits.length, 1, "one at a time");
  waits.shift()?.();
  await new Promise(setImmediate);
  await proofs.send();
  assert.equal(waits.length, 1, "and again");
  over.abort();
  assert.ok(existsSync(file));

  answers.splice(0, 2, () => ({}));
  await start().send();
  assert.deepEqual(reports.at(-1)?.proofs, [proof("disk/b")]);
  assert.equal(existsSync(file), false);
});

test("what is refused, or cannot be read, is not said again, and that is logged", async (t) => {
  const { start, answers, told, file } = setUp(t);
  const proofs = start();
  answers.push(() => ({ refused: [{ key: "disk/a", version: 1 }] }));
  proofs.add("one", [proof("disk/a")]);
  await proofs.send();
  assert.match(told.at(-1) ?? "", /refused the proof.*disk\/a/);
  answers.splice(0, 1, fails("malformed"));
  proofs.add("one", [proof("disk/b")]);
  await proofs.send();
  assert.match(told.at(-1) ?? "", /not proved.*malformed/);
  assert.equal(existsSync(file), false);
});

test("a file that cannot be read costs what it held, and no more", async (t) => {
  const { start, answers, reports, told, file } = setUp(t);
  for (const text of [
    "nonsense",
    "[]",
    '{"proofs": 7}',
    '{"proofs": [null]}',
    '{"proofs": [{"challenge": 1}]}',
  ]) {
    writeFileSync(file, text);
    const proofs = start();
    assert.match(told.at(-1) ?? "", /lost.*malformed/, text);
    answers.splice(0, 1, () => ({}));
    proofs.add("one", [proof("disk/a")]);
    await proofs.send();
    assert.deepEqual(reports.at(-1)?.proofs, [proof("disk/a")]);
  }
});
