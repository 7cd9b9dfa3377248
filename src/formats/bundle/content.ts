/** The plain text of an offline bundle. The byte table stands in `bundle.ts`. */
import { fromUtf8, utf8 } from "../../base/bytes.ts";
import { KeywardError } from "../../base/errors.ts";
import { Secret } from "../../base/secret.ts";
import type { UnixMs } from "../../base/time.ts";
import { MAX_VALUE_BYTES } from "../../model/key.ts";
import { parseNodeName } from "../../model/name.ts";
import type { OfflineBundle } from "./bundle.ts";
import { describe, type OfflineEntry, parseDescription } from "./entry.ts";

const MAX_ENTRIES = 4096;
const MAX_DESCRIPTION_BYTES = 1_048_576;
const MAX_NAME_BYTES = 253;

/** One buffer of the right size, so that no copy of a value is left behind. @throws KeywardError `too-large` */
export function encodeContent({ node, confirmed, entries }: OfflineBundle): Secret {
  if (entries.length > MAX_ENTRIES)
    throw new KeywardError("too-large", `offline bundle: more than ${MAX_ENTRIES} entries`);
  const name = utf8(node);
  const described = entries.map((entry) => ({ head: utf8(describe(entry)), value: entry.value }));
  const size = described.reduce(
    (sum, { head, value }) => sum + 8 + head.byteLength + value.length,
    14 + name.byteLength,
  );
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, BigInt(confirmed));
  view.setUint16(8, name.byteLength);
  bytes.set(name, 10);
  let at = 10 + name.byteLength;
  view.setUint32(at, entries.length);
  at += 4;
  for (const { head, value } of described) {
    for (const part of [head, value.reveal()]) {
      view.setUint32(at, part.byteLength);
      bytes.set(part, at + 4);
      at += 4 + part.byteLength;
    }
  }
  return Secret.take(bytes);
}

/** @throws KeywardError `malformed`, `too-large`, `usage`. The values are copies. */
export function decodeContent(bytes: Uint8Array): OfflineBundle {
  const reader = createReader(bytes);
  const confirmed = reader.uint64() as UnixMs;
  const node = parseNodeName(
    fromUtf8(reader.take(reader.uint16(), MAX_NAME_BYTES), "offline bundle: node name"),
  );
  const count = reader.uint32();
  if (count > MAX_ENTRIES)
    throw new KeywardError("too-large", `offline bundle: more than ${MAX_ENTRIES} entries`);
  const entries: OfflineEntry[] = [];
  for (let i = 0; i < count; i++) {
    const head = fromUtf8(reader.take(reader.uint32(), MAX_DESCRIPTION_BYTES), "offline bundle: entry");
    const described = parseDescription(head);
    const most = described.derived === undefined ? MAX_VALUE_BYTES : 0;
    entries.push({ ...described, value: Secret.copy(reader.take(reader.uint32(), most)) });
  }
  reader.end();
  return { node, confirmed, entries };
}

function createReader(bytes: Uint8Array) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  const skip = (length: number): number => {
    if (at + length > bytes.byteLength) throw new KeywardError("malformed", "offline bundle: ends too early");
    at += length;
    return at - length;
  };
  return {
    uint16: () => view.getUint16(skip(2)),
    uint32: () => view.getUint32(skip(4)),
    uint64: () => {
      const value = Number(view.getBigUint64(skip(8)));
      if (!Number.isSafeInteger(value)) throw new KeywardError("malformed", "offline bundle: no such time");
      return value;
    },
    take(length: number, most: number): Uint8Array {
      if (length > most)
        throw new KeywardError("too-large", `offline bundle: a part of more than ${most} bytes`);
      const start = skip(length);
      return bytes.subarray(start, start + length);
    },
    end() {
      if (at !== bytes.byteLength)
        throw new KeywardError("malformed", "offline bundle: bytes after the last entry");
    },
  };
}
