/** What a client says. */
import { concat } from "../../base/bytes.ts";
import { string, uint32, uint64 } from "../ssh-wire.ts";

/** `SSH_FXF_…`, to be added up. */
export const OpenFlag = { read: 1, write: 2, create: 8, truncate: 16, exclusive: 32 } as const;

/** Only what is to be set; `mode` has the permission bits. */
export interface Attributes {
  readonly uid?: number;
  readonly gid?: number;
  readonly mode?: number;
}

export type Ask =
  | { readonly kind: "open"; readonly path: string; readonly flags: number; readonly attributes: Attributes }
  | { readonly kind: "close"; readonly handle: Uint8Array }
  | { readonly kind: "read"; readonly handle: Uint8Array; readonly offset: number; readonly length: number }
  | {
      readonly kind: "write";
      readonly handle: Uint8Array;
      readonly offset: number;
      readonly data: Uint8Array;
    }
  /** Of the link itself, where it is one. */
  | { readonly kind: "lstat"; readonly path: string }
  | { readonly kind: "fstat"; readonly handle: Uint8Array }
  | { readonly kind: "fsetstat"; readonly handle: Uint8Array; readonly attributes: Attributes }
  | { readonly kind: "opendir"; readonly path: string }
  /** The next names; `end-of-file` after the last. */
  | { readonly kind: "readdir"; readonly handle: Uint8Array }
  | { readonly kind: "remove"; readonly path: string }
  | { readonly kind: "mkdir"; readonly path: string; readonly attributes: Attributes }
  | { readonly kind: "realpath"; readonly path: string }
  /** Over what is there, in one step. */
  | { readonly kind: "posix-rename"; readonly from: string; readonly to: string }
  | { readonly kind: "fsync"; readonly handle: Uint8Array };

const VERSION = 3;

export function encodeInit(): Uint8Array {
  return packet(1, uint32(VERSION));
}

export function encodeAsk(id: number, ask: Ask): Uint8Array {
  const of = (type: number, ...fields: Uint8Array[]): Uint8Array => packet(type, uint32(id), ...fields);
  switch (ask.kind) {
    case "open":
      return of(3, string(ask.path), uint32(ask.flags), attrs(ask.attributes));
    case "close":
      return of(4, string(ask.handle));
    case "read":
      return of(5, string(ask.handle), uint64(BigInt(ask.offset)), uint32(ask.length));
    case "write":
      return of(6, string(ask.handle), uint64(BigInt(ask.offset)), string(ask.data));
    case "lstat":
      return of(7, string(ask.path));
    case "fstat":
      return of(8, string(ask.handle));
    case "fsetstat":
      return of(10, string(ask.handle), attrs(ask.attributes));
    case "opendir":
      return of(11, string(ask.path));
    case "readdir":
      return of(12, string(ask.handle));
    case "remove":
      return of(13, string(ask.path));
    case "mkdir":
      return of(14, string(ask.path), attrs(ask.attributes));
    case "realpath":
      return of(16, string(ask.path));
    case "posix-rename":
      return of(200, string("posix-rename@openssh.com"), string(ask.from), string(ask.to));
    case "fsync":
      return of(200, string("fsync@openssh.com"), string(ask.handle));
  }
}

function packet(type: number, ...fields: readonly Uint8Array[]): Uint8Array {
  const body = concat(Uint8Array.of(type), ...fields);
  return concat(uint32(body.byteLength), body);
}

/** Owner and group go together: one alone cannot be said. */
function attrs({ uid, gid, mode }: Attributes): Uint8Array {
  const owned = uid !== undefined && gid !== undefined;
  const flags = (owned ? 2 : 0) | (mode === undefined ? 0 : 4);
  return concat(
    uint32(flags),
    ...(owned ? [uint32(uid), uint32(gid)] : []),
    ...(mode === undefined ? [] : [uint32(mode)]),
  );
}
