/**
 * The types of a gob stream: the built-in ones, those in which a stream defines its own (Go's `wireType` and what
 * it is made of; their numbers never travel), and the values that they describe.
 */

export type GobType =
  | { readonly kind: "bool" | "int" | "uint" | "float" | "bytes" | "string" | "complex" }
  | { readonly kind: "array"; readonly element: number; readonly length: number }
  | { readonly kind: "slice"; readonly element: number }
  | { readonly kind: "map"; readonly key: number; readonly element: number }
  | { readonly kind: "struct"; readonly fields: readonly GobField[] }
  /** What a Go program encodes by methods of its own: bytes. */
  | { readonly kind: "custom" };

export interface GobField {
  readonly name: string;
  readonly type: number;
}

/** Numbers stay as wide as they came; a float is the bits of one. A struct holds only the fields that were sent. */
export type GobValue =
  | { readonly kind: "bool"; readonly value: boolean }
  | { readonly kind: "int" | "uint" | "float"; readonly value: bigint }
  | { readonly kind: "complex"; readonly real: bigint; readonly imaginary: bigint }
  | { readonly kind: "bytes" | "custom"; readonly value: Uint8Array }
  | { readonly kind: "string"; readonly value: string }
  | { readonly kind: "array" | "slice"; readonly elements: readonly GobValue[] }
  | { readonly kind: "map"; readonly entries: readonly (readonly [GobValue, GobValue])[] }
  | { readonly kind: "struct"; readonly fields: ReadonlyMap<string, GobValue> };

export const BOOL = 1;
export const INT = 2;
export const UINT = 3;
export const FLOAT = 4;
export const BYTES = 5;
export const STRING = 6;
export const COMPLEX = 7;

export const WIRE_TYPE = 16;
const ARRAY_TYPE = 17;
const COMMON_TYPE = 18;
const SLICE_TYPE = 19;
const STRUCT_TYPE = 20;
const FIELD_TYPE = 21;
const FIELD_TYPES = 22;
const MAP_TYPE = 23;
const CUSTOM_TYPE = 24;

/** Numbers below this are Go's own. */
export const FIRST_DEFINED_TYPE = 64;

const common: GobField = { name: "common", type: COMMON_TYPE };

/** The order of fields is the format. */
export const builtInTypes: ReadonlyMap<number, GobType> = new Map<number, GobType>([
  [BOOL, { kind: "bool" }],
  [INT, { kind: "int" }],
  [UINT, { kind: "uint" }],
  [FLOAT, { kind: "float" }],
  [BYTES, { kind: "bytes" }],
  [STRING, { kind: "string" }],
  [COMPLEX, { kind: "complex" }],
  [
    WIRE_TYPE,
    struct(
      { name: "array", type: ARRAY_TYPE },
      { name: "slice", type: SLICE_TYPE },
      { name: "struct", type: STRUCT_TYPE },
      { name: "map", type: MAP_TYPE },
      { name: "gob-encoder", type: CUSTOM_TYPE },
      { name: "binary-marshaler", type: CUSTOM_TYPE },
      { name: "text-marshaler", type: CUSTOM_TYPE },
    ),
  ],
  [ARRAY_TYPE, struct(common, { name: "element", type: INT }, { name: "length", type: INT })],
  [COMMON_TYPE, struct({ name: "name", type: STRING }, { name: "id", type: INT })],
  [SLICE_TYPE, struct(common, { name: "element", type: INT })],
  [STRUCT_TYPE, struct(common, { name: "fields", type: FIELD_TYPES })],
  [FIELD_TYPE, struct({ name: "name", type: STRING }, { name: "id", type: INT })],
  [FIELD_TYPES, { kind: "slice", element: FIELD_TYPE }],
  [MAP_TYPE, struct(common, { name: "key", type: INT }, { name: "element", type: INT })],
  [CUSTOM_TYPE, struct(common)],
]);

function struct(...fields: readonly GobField[]): GobType {
  return { kind: "struct", fields };
}
