/**
 * Archive: files for a guest's memory, as the kernel unpacks them at boot. Archives one after the other in one
 * file are unpacked in that order.
 *
 *     each entry, "newc" (linux, Documentation/driver-api/early-userspace/buffer-format.rst):
 *     offset  bytes  field
 *     0       6      magic, ASCII "070701"
 *     6       8      inode; then mode, uid, gid, links, mtime, size, four device numbers, length of the
 *                    name with its NUL, checksum (0): each 8 hexadecimal digits
 *     110     n      name, NUL, zeros up to a multiple of 4
 *             m      content, zeros up to a multiple of 4
 *
 * The last entry is named "TRAILER!!!".
 */
import { utf8 } from "../../src/base/bytes.ts";

export type Entry =
  | { readonly kind: "folder"; readonly path: string }
  | {
      readonly kind: "file";
      readonly path: string;
      readonly mode: number;
      readonly content: Uint8Array;
      /** Seconds since 1970; 0 unless given. */
      readonly modified?: number;
    }
  | { readonly kind: "link"; readonly path: string; readonly target: string };

const TYPE = { folder: 0o040000, file: 0o100000, link: 0o120000 } as const;

/** Everything belongs to root. Folders above each entry are made. Paths without the first slash. */
export function archive(entries: readonly Entry[]): Uint8Array {
  const parts: Uint8Array[] = [];
  let inode = 0;
  for (const entry of [...foldersOf(entries), ...entries]) parts.push(...encode(entry, ++inode));
  parts.push(...encode({ kind: "file", path: "TRAILER!!!", mode: 0, content: new Uint8Array() }, 0));
  return Buffer.concat(parts);
}

function foldersOf(entries: readonly Entry[]): Entry[] {
  const paths = new Set<string>();
  for (const { path } of entries) {
    const names = path.split("/");
    for (let depth = 1; depth < names.length; depth++) paths.add(names.slice(0, depth).join("/"));
  }
  return [...paths].sort().map((path) => ({ kind: "folder", path }));
}

function encode(entry: Entry, inode: number): Uint8Array[] {
  const content = entry.kind === "link" ? utf8(entry.target) : entry.kind === "file" ? entry.content : null;
  const size = content?.length ?? 0;
  const mode = TYPE[entry.kind] | (entry.kind === "file" ? entry.mode : 0o755);
  const name = utf8(`${entry.path}\0`);
  const modified = (entry.kind === "file" && entry.modified) || 0;
  const numbers = [inode, mode, 0, 0, 1, modified, size, 0, 0, 0, 0, name.length, 0];
  const head = utf8(`070701${numbers.map((number) => number.toString(16).padStart(8, "0")).join("")}`);
  return [head, name, gap(head.length + name.length), content ?? new Uint8Array(), gap(size)];
}

const gap = (length: number): Uint8Array => new Uint8Array((4 - (length % 4)) % 4);
