import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "../../../test/vectors/secretary/load.ts";
import { isKeywardError } from "../../base/errors.ts";
import { envelopeHash, formatAllowedHashes, parseAllowedHashes, parseAllowedVars } from "./allowed.ts";

const [a, b] = load("nacl-envelopes").cases.map((one: { envelope: string }) => one.envelope);

test("names are cut at commas, and blanks in them do not count", () => {
  assert.deepEqual([...parseAllowedVars("A, B ,\tC D,,")], ["A", "B", "CD"]);
  assert.deepEqual([...parseAllowedVars("")], []);
});

test("hashes by variable are read as they were written", () => {
  const label = formatAllowedHashes(
    new Map([
      ["ONE", [a]],
      ["TWO", [a, b, a]],
    ]),
  );
  assert.deepEqual(
    parseAllowedHashes(label),
    new Map([
      ["ONE", new Set([envelopeHash(a)])],
      ["TWO", new Set([envelopeHash(a), envelopeHash(b)])],
    ]),
  );
  assert.deepEqual(parseAllowedHashes(formatAllowedHashes(new Map())), new Map());
});

test("the hash is base64url of SHA-256 over the envelope's text", () => {
  assert.equal(envelopeHash("ENC[NACL,AAAA]"), "ai3OwTRx-e27yFfr5Xdbbw7cpBzBJZAy1gaRMro5PSU");
});

test("a label of another form allows nothing", () => {
  const whole = formatAllowedHashes(new Map([["ONE", [a]]]));
  for (let length = 1; length < whole.length; length++)
    assert.throws(
      () => parseAllowedHashes(whole.slice(0, length)),
      (error) => isKeywardError(error, "malformed"),
    );
  for (const label of [`${whole},`, `,${whole}`, `=${whole}`, `${whole} `, "ONE", `${whole}=`])
    assert.throws(
      () => parseAllowedHashes(label),
      (error) => isKeywardError(error, "malformed"),
    );
  for (const parse of [parseAllowedHashes, parseAllowedVars])
    assert.throws(
      () => parse("x".repeat(1_048_577)),
      (error) => isKeywardError(error, "too-large"),
    );
});
