/**
 * Reads the first value of a gob stream, whatever types the stream defines, within limits: every count is held
 * against the bytes that are left, definitions, depth and values are bounded. What follows the first value is
 * not read, as Go does not read it. Interface values are refused.
 */
import { KeywardError } from "../../base/errors.ts";
import { createGobReader, type GobReader } from "./gob-reader.ts";
import { builtInTypes, FIRST_DEFINED_TYPE, type GobType, type GobValue, WIRE_TYPE } from "./gob-types.ts";

const MAX_DEFINITIONS = 16;
const MAX_FIELDS = 64;
const MAX_DEPTH = 8;
const MAX_VALUES = 4096;
const MAX_TYPE = 0x7fffffff;

interface Decoder {
  readonly reader: GobReader;
  readonly types: ReadonlyMap<number, GobType>;
  readonly what: string;
  readonly budget: { left: number };
}

/**
 * @param what - Names the place in errors.
 * @returns A struct, with the fields that were sent.
 * @throws KeywardError `malformed`, `too-large`.
 */
export function decodeGob(bytes: Uint8Array, what: string): GobValue & { readonly kind: "struct" } {
  const stream = createGobReader(bytes, what);
  const types = new Map(builtInTypes);
  const budget = { left: MAX_VALUES };
  for (let definitions = 0; ; definitions++) {
    const reader = createGobReader(stream.bytes(stream.count()), what);
    const decoder: Decoder = { reader, types, what, budget };
    const type = reader.int();
    const value = type < 0n ? define(decoder, types, -type) : structOf(decoder, type);
    if (reader.left !== 0) throw malformed(decoder, "bytes after a value");
    if (value !== null) return value;
    if (definitions === MAX_DEFINITIONS)
      throw new KeywardError("too-large", `${what}: gob defines more than ${MAX_DEFINITIONS} types`);
  }
}

function structOf(decoder: Decoder, id: bigint): GobValue & { readonly kind: "struct" } {
  if (id < FIRST_DEFINED_TYPE) throw malformed(decoder, "not a struct");
  const value = decodeValue(decoder, typeNumber(decoder, id), 0);
  if (value.kind !== "struct") throw malformed(decoder, "not a struct");
  return value;
}

function define(decoder: Decoder, types: Map<number, GobType>, id: bigint): null {
  const number = typeNumber(decoder, id);
  if (number < FIRST_DEFINED_TYPE || types.has(number)) throw malformed(decoder, "a type defined twice");
  types.set(number, definition(decoder, decodeValue(decoder, WIRE_TYPE, 0)));
  return null;
}

/** The type that a value of `wireType` describes. */
function definition(decoder: Decoder, wire: GobValue): GobType {
  const entries = wire.kind === "struct" ? [...wire.fields] : [];
  const [kind, body] = entries[0] ?? [];
  if (kind === undefined || body === undefined || entries.length > 1)
    throw malformed(decoder, "a definition of no type, or of several");
  const number = (name: string) => typeNumber(decoder, integer(member(body, name)));
  switch (kind) {
    case "array":
      return { kind, element: number("element"), length: number("length") };
    case "slice":
      return { kind, element: number("element") };
    case "map":
      return { kind, key: number("key"), element: number("element") };
    case "struct":
      return { kind, fields: fieldsOf(decoder, member(body, "fields")) };
    default:
      return { kind: "custom" };
  }
}

function fieldsOf(decoder: Decoder, value: GobValue | undefined): { name: string; type: number }[] {
  const elements = value?.kind === "slice" ? value.elements : [];
  if (elements.length > MAX_FIELDS)
    throw new KeywardError("too-large", `${decoder.what}: gob struct of more than ${MAX_FIELDS} fields`);
  return elements.map((element) => {
    const name = member(element, "name");
    return {
      name: name?.kind === "string" ? name.value : "",
      type: typeNumber(decoder, integer(member(element, "id"))),
    };
  });
}

function decodeValue(decoder: Decoder, id: number, depth: number): GobValue {
  const { reader, types, what, budget } = decoder;
  if (depth > MAX_DEPTH || budget.left-- <= 0)
    throw new KeywardError("too-large", `${what}: gob nested too deep, or of too many values`);
  const type = types.get(id);
  if (type === undefined) throw malformed(decoder, `type ${id} is not defined`);
  const { kind } = type;
  const next = (element: number) => decodeValue(decoder, element, depth + 1);
  switch (kind) {
    case "bool":
      return { kind, value: reader.uint() !== 0n };
    case "int":
      return { kind, value: reader.int() };
    case "uint":
    case "float":
      return { kind, value: reader.uint() };
    case "complex":
      return { kind, real: reader.uint(), imaginary: reader.uint() };
    case "bytes":
    case "custom":
      return { kind, value: reader.bytes(reader.count()) };
    case "string":
      return { kind, value: reader.string() };
    case "array":
      return { kind, elements: repeat(arrayCount(decoder, type.length), () => next(type.element)) };
    case "slice":
      return { kind, elements: repeat(reader.count(), () => next(type.element)) };
    case "map":
      return { kind, entries: repeat(reader.count(), () => [next(type.key), next(type.element)] as const) };
    case "struct":
      return { kind, fields: decodeFields(decoder, type.fields, depth) };
  }
}

/** Pairs of a step and a value, from the field before the first; a step of nothing ends them. */
function decodeFields(
  decoder: Decoder,
  fields: readonly { name: string; type: number }[],
  depth: number,
): ReadonlyMap<string, GobValue> {
  const values = new Map<string, GobValue>();
  for (let at = -1n; ; ) {
    const step = decoder.reader.uint();
    if (step === 0n) return values;
    at += step;
    const field = at < fields.length ? fields[Number(at)] : undefined;
    if (field === undefined) throw malformed(decoder, "a field that its struct has not");
    if (values.has(field.name)) throw malformed(decoder, "two fields of one name");
    values.set(field.name, decodeValue(decoder, field.type, depth + 1));
  }
}

function arrayCount(decoder: Decoder, length: number): number {
  const count = decoder.reader.count();
  if (count !== length) throw malformed(decoder, "an array of another length");
  return count;
}

function repeat<T>(count: number, next: () => T): T[] {
  const values: T[] = [];
  for (let i = 0; i < count; i++) values.push(next());
  return values;
}

function member(value: GobValue, name: string): GobValue | undefined {
  return value.kind === "struct" ? value.fields.get(name) : undefined;
}

/** A field that is zero was not sent. */
function integer(value: GobValue | undefined): bigint {
  return value?.kind === "int" ? value.value : 0n;
}

function typeNumber(decoder: Decoder, value: bigint): number {
  if (value < 0n || value > MAX_TYPE) throw malformed(decoder, "a number out of range");
  return Number(value);
}

function malformed({ what }: Decoder, wrong: string): KeywardError {
  return new KeywardError("malformed", `${what}: gob: ${wrong}`);
}
