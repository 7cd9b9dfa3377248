/** Gob as Go writes it: numbers in their shortest form, fields that are zero left out. */
import { concat, utf8 } from "../../base/bytes.ts";

export function encodeUint(value: number): Uint8Array {
  if (value < 0x80) return Uint8Array.of(value);
  const bytes: number[] = [];
  for (let rest = value; rest > 0; rest = Math.floor(rest / 256)) bytes.unshift(rest % 256);
  return Uint8Array.of(0x100 - bytes.length, ...bytes);
}

/** @param value - Of no more than 31 bits. */
export function encodeInt(value: number): Uint8Array {
  return encodeUint(value < 0 ? -2 * value - 1 : 2 * value);
}

/** Bytes and strings alike. */
export function encodeBytes(value: Uint8Array): Uint8Array {
  return concat(encodeUint(value.byteLength), value);
}

/** @param fields - `null` for one that is zero. */
export function encodeStruct(...fields: readonly (Uint8Array | null)[]): Uint8Array {
  const parts: Uint8Array[] = [];
  let last = -1;
  for (const [i, field] of fields.entries()) {
    if (field === null) continue;
    parts.push(encodeUint(i - last), field);
    last = i;
  }
  return concat(...parts, encodeUint(0));
}

/** @param type - A value's type; the negative of it for the type's definition. */
export function encodeMessage(type: number, body: Uint8Array): Uint8Array {
  return encodeBytes(concat(encodeInt(type), body));
}

export function defineStruct(
  type: number,
  name: string,
  fields: readonly (readonly [string, number])[],
): Uint8Array {
  const list = fields.map(([field, id]) => encodeStruct(encodeBytes(utf8(field)), encodeInt(id)));
  const body = encodeStruct(common(type, name), concat(encodeUint(list.length), ...list));
  return encodeMessage(-type, encodeStruct(null, null, body));
}

export function defineArray(type: number, name: string, element: number, length: number): Uint8Array {
  const body = encodeStruct(common(type, name), encodeInt(element), encodeInt(length));
  return encodeMessage(-type, encodeStruct(body));
}

function common(type: number, name: string): Uint8Array {
  return encodeStruct(encodeBytes(utf8(name)), encodeInt(type));
}
