/**
 * Mark: a comment that says whose a line or a file is that was written here, and what it was: so that it may be replaced
 * or taken away later, and what somebody has changed by hand, or written themselves, may not.
 *
 *     # keyward disk units data 3f2a9c1b5d6e7f80
 *
 * The number is the beginning of SHA-256 over what stands below.
 */
import { toHex } from "../base/bytes.ts";
import { sha256 } from "../crypto/hash.ts";
import type { VolumeName } from "../model/volume.ts";

/** `*`: of all volumes alike. */
export type Owner = VolumeName | "*";

export interface Mark {
  readonly owner: string;
  readonly digest: string;
}

/** @param below - A character is a byte. */
export function markOf(owner: Owner, below: string): string {
  return `# keyward disk units ${owner} ${digestOf(below)}`;
}

export function readMark(line: string): Mark | null {
  const [, owner, digest] =
    /^# keyward disk units (\*|[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}) ([0-9a-f]{16})$/.exec(line) ?? [];
  return owner === undefined || digest === undefined ? null : { owner, digest };
}

/** Is what stands below as it was written? */
export const isIntact = ({ digest }: Mark, below: string): boolean => digest === digestOf(below);

/** The whole of a file with its mark. */
export const marked = (owner: Owner, text: string): string => `${markOf(owner, text)}\n${text}`;

/** @returns The mark of a whole file, if it is as it was written. */
export function intactMark(text: string): Mark | null {
  const end = text.indexOf("\n");
  const mark = end < 0 ? null : readMark(text.slice(0, end));
  return mark !== null && isIntact(mark, text.slice(end + 1)) ? mark : null;
}

function digestOf(text: string): string {
  return toHex(sha256(Buffer.from(text, "latin1")).subarray(0, 8));
}
