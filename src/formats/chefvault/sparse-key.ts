/**
 * The key of one reader, an item of its own: sparse mode.
 *
 *     id             NAME_key_READER
 *     READER         the shared secret wrapped for this reader, base64
 *     keyward/vault  the next one, while a rotation is under way
 */
import { KeywardError } from "../../base/errors.ts";
import type { ExactObject } from "../../base/exact-json.ts";
import { OWN } from "./keys-item.ts";

export interface SparseKey {
  readonly id: string;
  readonly reader: string;
  readonly wrapped: string | null;
  readonly next: string | null;
}

/** @throws KeywardError `malformed` when it is something else, or another reader's. */
export function parseSparseKey(item: ExactObject, reader: string, what: string): SparseKey {
  const id = item.get("id");
  const [wrapped, next] = [textOf(item, reader), textOf(item, OWN)];
  const others = [...item.keys()].filter((name) => name !== "id" && name !== reader && name !== OWN);
  if (
    typeof id === "string" &&
    id.endsWith(`_key_${reader}`) &&
    others.length === 0 &&
    (wrapped ?? next) !== null
  )
    return { id, reader, wrapped, next };
  throw new KeywardError("malformed", `${what}: not the key of a vault's reader`);
}

export function formatSparseKey({ id, reader, wrapped, next }: SparseKey): ExactObject {
  return new Map([
    ["id", id],
    ...(wrapped === null ? [] : ([[reader, wrapped]] as const)),
    ...(next === null ? [] : ([[OWN, next]] as const)),
  ]);
}

function textOf(item: ExactObject, name: string): string | null {
  const text = item.get(name);
  return typeof text === "string" && name !== "id" ? text : null;
}
