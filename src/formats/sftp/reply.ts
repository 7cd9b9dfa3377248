/** What a server answers. Its words are not kept: they may hold anything. */
import { isUtf8 } from "node:buffer";
import { fromUtf8 } from "../../base/bytes.ts";
import { KeywardError } from "../../base/errors.ts";
import { MAX_PACKET } from "../ssh-packets.ts";
import { createReader, type Reader } from "../ssh-wire.ts";

export type Status =
  | "ok"
  | "end-of-file"
  | "no-such-file"
  | "permission-denied"
  | "failure"
  | "bad-message"
  | "no-connection"
  | "connection-lost"
  | "unsupported";

/** By number. */
const statuses: readonly Status[] = [
  "ok",
  "end-of-file",
  "no-such-file",
  "permission-denied",
  "failure",
  "bad-message",
  "no-connection",
  "connection-lost",
  "unsupported",
];

export type Reply =
  | { readonly kind: "version"; readonly version: number; readonly extensions: ReadonlyMap<string, string> }
  | { readonly kind: "status"; readonly id: number; readonly status: Status }
  | { readonly kind: "handle"; readonly id: number; readonly handle: Uint8Array }
  | { readonly kind: "data"; readonly id: number; readonly data: Uint8Array }
  /** The names alone; empty for one that is not UTF-8. */
  | { readonly kind: "names"; readonly id: number; readonly names: readonly string[] }
  | {
      readonly kind: "attributes";
      readonly id: number;
      /** Absent: the server did not say. `mode` has the type's bits too. */
      readonly size?: number;
      readonly uid?: number;
      readonly gid?: number;
      readonly mode?: number;
    };

const MAX_HANDLE = 256;
const MAX_NAMES = 4096;

/** @param packet - Without its length. @throws KeywardError `malformed` */
export function decodeReply(packet: Uint8Array, what: string): Reply {
  const reader = createReader(packet, what);
  const type = reader.byte();
  if (type === 2) return readVersion(reader);
  const id = reader.uint32();
  const reply = readReply(type, id, reader, what);
  if (type !== 101) reader.end();
  return reply;
}

function readReply(type: number, id: number, reader: Reader, what: string): Reply {
  switch (type) {
    case 101:
      return { kind: "status", id, status: statuses[reader.uint32()] ?? "failure" };
    case 102:
      return { kind: "handle", id, handle: reader.string(MAX_HANDLE) };
    case 103:
      return { kind: "data", id, data: reader.string(MAX_PACKET) };
    case 104:
      return { kind: "names", id, names: readNames(reader, what) };
    case 105:
      return { kind: "attributes", id, ...readAttributes(reader) };
    default:
      throw new KeywardError("malformed", `${what}: a packet of type ${type}`);
  }
}

function readVersion(reader: Reader): Reply {
  const version = reader.uint32();
  const extensions = new Map<string, string>();
  while (!reader.isAtEnd()) extensions.set(reader.text(MAX_PACKET), reader.text(MAX_PACKET));
  return { kind: "version", version, extensions };
}

function readNames(reader: Reader, what: string): string[] {
  const count = reader.uint32();
  if (count > MAX_NAMES) throw new KeywardError("malformed", `${what}: too many names`);
  return Array.from({ length: count }, () => {
    const name = reader.string(MAX_PACKET);
    reader.string(MAX_PACKET);
    readAttributes(reader);
    return isUtf8(name) ? fromUtf8(name, what) : "";
  });
}

function readAttributes(reader: Reader): { size?: number; uid?: number; gid?: number; mode?: number } {
  const flags = reader.uint32();
  const found: { size?: number; uid?: number; gid?: number; mode?: number } = {};
  if (flags & 1) found.size = Number(reader.uint64());
  if (flags & 2) {
    found.uid = reader.uint32();
    found.gid = reader.uint32();
  }
  if (flags & 4) found.mode = reader.uint32();
  if (flags & 8) {
    reader.uint32();
    reader.uint32();
  }
  if (flags & 0x80000000)
    for (let left = reader.uint32(); left > 0; left--) {
      reader.string(MAX_PACKET);
      reader.string(MAX_PACKET);
    }
  return found;
}
