import assert from "node:assert/strict";
import { generateKeyPairSync, sign } from "node:crypto";
import { describe, it } from "node:test";
import fc from "fast-check";
import type { UnixMs } from "../base/time.ts";
import { type Checkpoint, type Signer, signHead } from "./checkpoint.ts";
import { NO_EVENT, parseEvent, sealEvent } from "./event-line.ts";
import { formatCheckpoint, verifyExport } from "./export.ts";
import type { Head } from "./head.ts";

function makeSigner(): Signer & { readonly publicKey: Uint8Array } {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  return {
    sign: (bytes) => new Uint8Array(sign(null, bytes, privateKey)),
    publicKey: new Uint8Array(Buffer.from(publicKey.export({ format: "jwk" }).x ?? "", "base64url")),
  };
}

const signer = makeSigner();
const { publicKey } = signer;

function makeLines(count: number, resource = "db/x"): { lines: string[]; head: Head } {
  const lines: string[] = [];
  let head: Head = { seq: 0, hash: NO_EVENT, at: 0 as UnixMs };
  for (let seq = 1; seq <= count; seq++) {
    const at = (1000 + seq) as UnixMs;
    const { hash, line } = sealEvent({
      seq,
      at,
      by: "operator:a",
      action: "key:read",
      resource,
      outcome: "ok",
      previous: head.hash,
    });
    lines.push(line);
    head = { seq, hash, at };
  }
  return { lines, head };
}

function makeExport(count: number, by: Signer = signer): string[] {
  const { lines, head } = makeLines(count);
  return [...lines, formatCheckpoint(signHead(head, by) as Checkpoint)];
}

const whole = makeExport(20);

describe("an exported log", () => {
  it("verifies without the server, and says who signed it", async () => {
    const report = await verifyExport(whole, { publicKey });
    assert.equal(report.intact, true);
    assert.equal(report.events, 20);
    assert.equal(report.signed, 20);
    assert.equal(report.checkpoint?.publicKey, Buffer.from(publicKey).toString("base64"));
    assert.equal((await verifyExport(whole)).intact, true);
  });

  it("shows any single character that was changed", async () => {
    const place = fc.record({ line: fc.nat(20), at: fc.nat(), by: fc.integer({ min: 1, max: 127 }) });
    await fc.assert(
      fc.asyncProperty(place, async ({ line, at, by }) => {
        const changed = [...whole];
        const text = Buffer.from(changed[line] ?? "");
        const i = at % text.length;
        text[i] = (text[i] ?? 0) ^ by;
        changed[line] = text.toString("latin1");
        assert.equal((await verifyExport(changed, { publicKey })).intact, false);
      }),
      { numRuns: 400 },
    );
  });

  it("shows any events that were removed, and which", async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(19), fc.integer({ min: 1, max: 5 }), async (from, count) => {
        const changed = [...whole.slice(0, from), ...whole.slice(Math.min(from + count, 20))];
        const { intact, problems } = await verifyExport(changed, { publicKey });
        assert.equal(intact, false);
        assert.equal(problems[0]?.seq, from + 1);
        assert.match(problems[0]?.what ?? "", /missing/);
      }),
    );
  });

  it("shows any two events that changed places, and any event that stands twice", async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(20), fc.nat(20), async (a, b) => {
        fc.pre(a !== b);
        const swapped = [...whole];
        [swapped[a], swapped[b]] = [swapped[b] ?? "", swapped[a] ?? ""];
        assert.equal((await verifyExport(swapped, { publicKey })).intact, false);
        const doubled = whole.toSpliced(a, 0, whole[b] ?? "");
        assert.equal((await verifyExport(doubled, { publicKey })).intact, false);
      }),
    );
  });

  it("shows that it was cut off, wherever", async () => {
    for (let length = 0; length < whole.length; length++) {
      const { intact } = await verifyExport(whole.slice(0, length), { publicKey });
      assert.equal(intact, false, `cut off after ${length} lines`);
    }
  });

  it("shows an event that was edited with a new hash, at the event after it", async () => {
    const { seq, hash: _, ...rest } = parseEvent(whole[4] ?? "", "event");
    const changed = whole.with(4, sealEvent({ ...rest, seq, resource: "db/y" }).line);
    const { problems } = await verifyExport(changed, { publicKey });
    assert.deepEqual(problems, [{ seq: 6, what: "does not follow event 5: one of the two was replaced" }]);
  });

  it("shows that it was rewritten as a whole and signed by another key", async () => {
    const forged = makeExport(20, makeSigner());
    assert.equal((await verifyExport(forged)).intact, true);
    const { intact, signed, problems } = await verifyExport(forged, { publicKey });
    assert.deepEqual([intact, signed], [false, 0]);
    assert.match(problems[0]?.what ?? "", /another key/);
  });

  it("may start after a checkpoint that is trusted", async () => {
    const { lines, head } = makeLines(8);
    const from = signHead(head, signer) as Checkpoint;
    const rest = makeExport(20).slice(8);
    assert.equal((await verifyExport(rest, { publicKey, from })).intact, true);
    assert.equal((await verifyExport(rest, { publicKey })).intact, false);
    const other = signHead(makeLines(8, "db/y").head, signer) as Checkpoint;
    assert.equal((await verifyExport(rest, { publicKey, from: other })).intact, false);
    assert.equal(lines.length, 8);
  });

  it("says at which event a signature ends to vouch", async () => {
    const { lines, head } = makeLines(8);
    const early = formatCheckpoint(signHead(head, signer) as Checkpoint);
    const more = makeLines(9).lines.slice(8);
    const { problems } = await verifyExport([...lines, ...more, early], { publicKey });
    assert.deepEqual(problems, [{ seq: 9, what: "lies after what the checkpoint signs" }]);
  });

  it("of 30,000 events passes in little memory", async () => {
    let head: Head = { seq: 0, hash: NO_EVENT, at: 0 as UnixMs };
    const { detail: _, hash: __, ...template } = parseEvent(whole[0] ?? "", "event");
    function* stream(): Generator<string> {
      for (let seq = 1; seq <= 30_000; seq++) {
        const { hash, line } = sealEvent({ ...template, seq, previous: head.hash });
        head = { seq, hash, at: template.at };
        yield line;
      }
      yield formatCheckpoint(signHead(head, signer) as Checkpoint);
    }
    const before = process.memoryUsage().heapUsed;
    assert.equal((await verifyExport(stream(), { publicKey })).signed, 30_000);
    assert.ok(process.memoryUsage().heapUsed - before < 50_000_000);
  });
});
