import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe, it } from "node:test";
import fc from "fast-check";
import { utf8 } from "../base/bytes.ts";
import { canonicalJson } from "../base/json.ts";
import type { UnixMs } from "../base/time.ts";
import { formatEvent, hashOf, NO_EVENT, parseEvent, sealEvent, type Unhashed } from "./event-line.ts";

const detail = fc.dictionary(
  fc.string().filter((name) => name !== "__proto__"),
  fc.oneof(fc.string({ unit: "binary" }), fc.maxSafeInteger(), fc.boolean()),
  { maxKeys: 5 },
);
const unhashed: fc.Arbitrary<Unhashed> = fc
  .record({
    seq: fc.nat(),
    at: fc.nat().map((at) => at as UnixMs),
    by: fc.string({ unit: "binary" }),
    action: fc.constantFrom("key:read" as const, "node:watch" as const),
    resource: fc.string({ unit: "binary", maxLength: 1024 }),
    outcome: fc.constantFrom("ok" as const, "denied" as const, "failed" as const),
    previous: fc.constant(NO_EVENT),
    detail: fc.option(detail, { nil: undefined }),
  })
  .map(({ detail: given, ...rest }) => (given === undefined ? rest : { ...rest, detail: given }));

describe("the line of an event", () => {
  it("is canonical JSON, and its hash is that of the same without the hash", () => {
    fc.assert(
      fc.property(unhashed, (event) => {
        const { hash, line } = sealEvent(event);
        assert.equal(line, canonicalJson({ ...event, hash }));
        assert.equal(hash, createHash("sha256").update(canonicalJson(event)).digest("hex"));
      }),
    );
  });

  it("reads back as the same event", () => {
    fc.assert(
      fc.property(unhashed, (event) => {
        const { hash, line } = sealEvent(event);
        const read = parseEvent(line, "event");
        assert.deepEqual(
          { ...read, detail: { ...read.detail } },
          { ...event, hash, detail: { ...event.detail } },
        );
        assert.equal(formatEvent(read), line);
        assert.equal(hashOf(read), hash);
      }),
    );
  });

  it("is refused with a blank, a member more, a member less or another order", () => {
    const { line } = sealEvent({
      seq: 1,
      at: 5 as UnixMs,
      by: "operator:a",
      action: "key:read",
      resource: "x",
      outcome: "ok",
      previous: NO_EVENT,
    });
    parseEvent(line, "event");
    const changed = [
      `${line} `,
      line.replace("{", '{"a":1,'),
      line.replace('"at":5,', ""),
      line.replace('"at":5,', '"at":5.0,'),
      line.replace('"action":"key:read","at":5', '"at":5,"action":"key:read"'),
      line.replace('"x"', '"\\u0078"'),
      "[]",
      "null",
      "",
    ];
    for (const text of changed) assert.throws(() => parseEvent(text, "event"), { code: "malformed" });
  });

  it("is short even when a name from outside is long", () => {
    const long = "é".repeat(5000);
    const { line } = sealEvent({
      seq: 1,
      at: 5 as UnixMs,
      by: "anonymous",
      action: "access:login",
      resource: long,
      outcome: "denied",
      previous: NO_EVENT,
      detail: { reason: long, count: 1 },
    });
    assert.ok(utf8(line).byteLength < 5000);
    assert.equal(parseEvent(line, "event").resource.length, 1024);
  });
});
