import assert from "node:assert/strict";
import { test } from "node:test";
import { concat, toHex, utf8 } from "../../base/bytes.ts";
import { isKeywardError } from "../../base/errors.ts";
import { string, uint32 } from "../ssh-wire.ts";
import { decodeQuestion, encodeFailure, encodeIdentities, encodeSignature } from "./ssh-agent.ts";

const sign = concat(Uint8Array.of(13), string("blob"), string("data"), uint32(0));

test("the two questions are read, and all others are known as such", () => {
  assert.deepEqual(decodeQuestion(Uint8Array.of(11)), { kind: "list" });
  assert.deepEqual(decodeQuestion(sign), { kind: "sign", key: utf8("blob"), data: utf8("data") });
  for (const type of [1, 17, 18, 19, 25, 27, 255])
    assert.deepEqual(decodeQuestion(Uint8Array.of(type, 1, 2)), { kind: "other" });
});

test("answers are those of the draft", () => {
  assert.equal(toHex(encodeFailure()), "0000000105");
  assert.equal(
    toHex(encodeIdentities([{ blob: utf8("b"), comment: "c" }])),
    "0000000f0c000000010000000162" + "0000000163",
  );
  assert.equal(
    toHex(encodeSignature("a", Uint8Array.of(9))),
    "0000000f0e0000000a" + "0000000161" + "0000000109",
  );
});

test("each truncation is refused, and what is left over", () => {
  for (let length = 0; length < sign.length; length++)
    assert.throws(() => decodeQuestion(sign.subarray(0, length)), isKeywardError);
  assert.throws(() => decodeQuestion(concat(sign, Uint8Array.of(0))), isKeywardError);
  assert.throws(() => decodeQuestion(Uint8Array.of(11, 0)), isKeywardError);
});
