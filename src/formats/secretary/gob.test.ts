import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { load } from "../../../test/vectors/secretary/load.ts";
import { concat, fromHex, toHex, utf8 } from "../../base/bytes.ts";
import { isKeywardError } from "../../base/errors.ts";
import { decodeGob } from "./gob-decode.ts";
import {
  defineArray,
  defineStruct,
  encodeBytes,
  encodeInt,
  encodeMessage,
  encodeStruct,
  encodeUint,
} from "./gob-encode.ts";
import { createGobReader } from "./gob-reader.ts";
import { BOOL, BYTES, COMPLEX, FLOAT, type GobValue, INT, STRING, UINT } from "./gob-types.ts";

const hex = (text: string) => fromHex(text, "gob");
const malformed = (error: unknown): boolean => isKeywardError(error, "malformed");
const tooLarge = (error: unknown): boolean => isKeywardError(error, "too-large");

test("numbers are those of Go's documentation", () => {
  assert.equal(toHex(encodeUint(7)), "07");
  assert.equal(toHex(encodeUint(256)), "fe0100");
  assert.equal(toHex(encodeInt(-129)), "fe0101");
  assert.equal(createGobReader(hex("fe0101"), "x").int(), -129n);
});

test("numbers come back, also the largest", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 2 ** 31 - 1 }), (value) => {
      assert.equal(createGobReader(encodeUint(value), "x").uint(), BigInt(value));
      assert.equal(createGobReader(encodeInt(-value - 1), "x").int(), BigInt(-value - 1));
    }),
  );
  assert.equal(createGobReader(hex("f8ffffffffffffffff"), "x").uint(), 2n ** 64n - 1n);
  assert.equal(createGobReader(hex("f8ffffffffffffffff"), "x").int(), -(2n ** 63n));
});

test("the constant prefix is Go's", () => {
  const fields = [
    ["EncryptedDataKey", BYTES],
    ["Nonce", 66],
    ["Message", BYTES],
  ] as const;
  const prefix = concat(defineStruct(65, "kmsPayload", fields), defineArray(66, "[24]uint8", UINT, 24));
  assert.equal(toHex(prefix), load("kms").constantPrefix_hex);
});

test("a stream that claims 2^63 bytes, or any count past its end, is refused at once", () => {
  for (const claim of ["f88000000000000000", "fc7fffffff", "f8ffffffffffffffff"]) {
    assert.throws(() => decodeGob(hex(claim), "x"), malformed);
    const field = concat(encodeUint(1), hex(claim));
    const stream = concat(defineStruct(65, "S", [["A", BYTES]]), encodeMessage(65, field));
    assert.throws(() => decodeGob(stream, "x"), malformed);
  }
  assert.throws(() => decodeGob(hex("f7000000000000000001"), "x"), malformed);
});

test("values of every kind are read, and one that is not sent is not there", () => {
  const types = concat(define(70, 1, STRING), define(71, 3, STRING, INT), define(72, 4));
  const names = ["b", "i", "u", "f", "t", "s", "c", "list", "map", "own", "absent"];
  const ids = [BOOL, INT, UINT, FLOAT, BYTES, STRING, COMPLEX, 70, 71, 72, INT];
  const struct = defineStruct(
    65,
    "S",
    names.map((name, i) => [name, ids[i] as number] as const),
  );
  const text = encodeBytes(utf8("é"));
  const value = encodeStruct(
    encodeUint(1),
    encodeInt(-5),
    encodeUint(300),
    hex("fef03f"),
    encodeBytes(Uint8Array.of(1, 2)),
    text,
    hex("fef03f40"),
    concat(encodeUint(2), text, text),
    concat(encodeUint(1), text, encodeInt(9)),
    encodeBytes(Uint8Array.of(3)),
    null,
  );
  const { fields } = decodeGob(concat(types, struct, encodeMessage(65, value)), "x");
  const s: GobValue = { kind: "string", value: "é" };
  assert.deepEqual(Object.fromEntries(fields), {
    b: { kind: "bool", value: true },
    i: { kind: "int", value: -5n },
    u: { kind: "uint", value: 300n },
    f: { kind: "float", value: 0xf03fn },
    t: { kind: "bytes", value: Uint8Array.of(1, 2) },
    s,
    c: { kind: "complex", real: 0xf03fn, imaginary: 0x40n },
    list: { kind: "slice", elements: [s, s] },
    map: { kind: "map", entries: [[s, { kind: "int", value: 9n }]] },
    own: { kind: "custom", value: Uint8Array.of(3) },
  });
});

test("a type that holds itself ends at a depth", () => {
  const nested = Array.from({ length: 20 }, () => encodeUint(1));
  const stream = concat(defineStruct(65, "S", [["self", 65]]), encodeMessage(65, concat(...nested)));
  assert.throws(() => decodeGob(stream, "x"), tooLarge);
});

test("too many definitions, fields and values are refused", () => {
  const definitions = Array.from({ length: 20 }, (_, i) => defineArray(65 + i, "a", UINT, 1));
  assert.throws(() => decodeGob(concat(...definitions), "x"), tooLarge);
  const fields = Array.from({ length: 65 }, (_, i) => [`f${i}`, UINT] as const);
  assert.throws(() => decodeGob(defineStruct(65, "S", fields), "x"), tooLarge);
  const list = concat(
    define(66, 1, UINT),
    defineStruct(65, "S", [["list", 66]]),
    encodeMessage(65, encodeStruct(concat(encodeUint(5000), new Uint8Array(5000)))),
  );
  assert.throws(() => decodeGob(list, "x"), tooLarge);
});

test("what has no meaning is refused", () => {
  const struct = defineStruct(65, "S", [["A", UINT]]);
  const value = (body: Uint8Array) => concat(struct, encodeMessage(65, body));
  const wrong: Record<string, Uint8Array> = {
    "no type": hex("00"),
    "a value of a built-in type": encodeMessage(INT, hex("0002")),
    "a type that nobody defined": encodeMessage(99, hex("00")),
    "a type defined twice": concat(struct, struct),
    "a built-in type defined": defineArray(5, "a", UINT, 1),
    "a definition of nothing": encodeMessage(-65, hex("00")),
    "a definition of two kinds": encodeMessage(-65, hex("01000100" + "00")),
    "an interface": concat(defineStruct(65, "S", [["A", 8]]), encodeMessage(65, hex("010000"))),
    "a field past the last": value(hex("0200")),
    "a field far past the last": value(hex("f8ffffffffffffffff00")),
    "bytes after a value": value(hex("01050000")),
    "no end": value(hex("0105")),
    "two fields of one name": concat(
      defineStruct(65, "S", [
        ["A", UINT],
        ["A", UINT],
      ]),
      encodeMessage(65, hex("0105010500")),
    ),
    "a name that is not UTF-8": defineStruct(65, "S", [["A", STRING]]).map((byte, i, all) =>
      i === all.indexOf(0x41) ? 0xff : byte,
    ),
  };
  for (const [name, stream] of Object.entries(wrong))
    assert.throws(() => decodeGob(stream, "x"), malformed, name);
});

/** A definition: `wireType` with the member at this place, which has the common part and these numbers. */
function define(type: number, place: number, ...numbers: readonly number[]): Uint8Array {
  const common = encodeStruct(encodeBytes(utf8("t")), encodeInt(type));
  const body = encodeStruct(common, ...numbers.map(encodeInt));
  return encodeMessage(-type, encodeStruct(...new Array<null>(place).fill(null), body));
}
