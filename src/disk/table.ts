/**
 * Table: crypttab(5) or fstab(5) with a volume's line put into it, or taken out. Every other byte stays as it is, and a
 * line that somebody else wrote for the same volume is left alone.
 */
import type { VolumeName } from "../model/volume.ts";
import { isIntact, markOf, readMark } from "./mark.ts";

/** A place in a file that is not as it may be changed. */
export interface Conflict {
  readonly path: string;
  /** From 1; absent: the whole file. */
  readonly line?: number;
  readonly says: string;
}

export interface Hunk {
  /** Where it begins in the text before, from 1. */
  readonly line: number;
  readonly removed: readonly string[];
  readonly added: readonly string[];
}

export interface TableWant {
  readonly path: string;
  readonly name: VolumeName;
  /** `null`: it is to have none. */
  readonly line: string | null;
  /** What would be written for it, marked or not, counts as ours. */
  readonly known?: string;
  /** Is this line, by its fields, for the same volume? */
  readonly isFor: (fields: readonly string[]) => boolean;
  /** Also what somebody else wrote, or has changed. */
  readonly force: boolean;
}

export interface EditedTable {
  readonly after: string;
  readonly hunks: readonly Hunk[];
  readonly conflicts: readonly Conflict[];
}

/** @param before - A character is a byte; `null`: there is no such file. */
export function editTable(before: string | null, want: TableWant): EditedTable {
  const lines = (before ?? "").split("\n");
  // What follows the last line break is a line only if there is something.
  if (lines.at(-1) === "") lines.pop();
  const { found, conflicts } = findOurs(lines, want);
  const wanted = want.line === null ? [] : [markOf(want.name, want.line), want.line];
  const only = found.length === 1 ? found[0] : undefined;
  const same =
    only !== undefined &&
    want.line !== null &&
    (sameLines(only.lines, wanted) || sameLines(only.lines, [want.line]));
  if (same || conflicts.length > 0 || (found.length === 0 && want.line === null))
    return { after: before ?? "", hunks: [], conflicts };
  const hunks: Hunk[] = found.map(({ line, lines: removed }, i) => ({
    line,
    removed,
    added: i === 0 ? wanted : [],
  }));
  if (found.length === 0) hunks.push({ line: lines.length + 1, removed: [], added: wanted });
  const after = [...lines];
  for (const { line, removed, added } of hunks.toReversed()) after.splice(line - 1, removed.length, ...added);
  return { after: after.map((one) => `${one}\n`).join(""), hunks, conflicts };
}

interface Found {
  readonly line: number;
  readonly lines: readonly string[];
}

function findOurs(lines: readonly string[], { path, name, known, isFor, force }: TableWant) {
  const found: Found[] = [];
  const conflicts: Conflict[] = [];
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i] ?? "";
    const mark = readMark(line);
    if (mark?.owner === name) {
      const next = lines[i + 1];
      const intact = next !== undefined && isIntact(mark, next);
      const changed = !intact && next !== undefined && isFor(fieldsOf(next));
      if (changed && !force) conflicts.push({ path, line: i + 2, says: `${name} was changed by hand` });
      const whole = intact || changed;
      found.push({ line: i + 1, lines: whole ? [line, next] : [line] });
      if (whole) i++;
    } else if (isFor(fieldsOf(line))) {
      if (line !== known && !force)
        conflicts.push({ path, line: i + 1, says: `has ${name} already, and not from here` });
      found.push({ line: i + 1, lines: [line] });
    }
  }
  return { found, conflicts };
}

/** Of a comment, none. Blanks and the like within a field are written `\040`. */
export function fieldsOf(line: string): string[] {
  const text = line.trim();
  if (text === "" || text.startsWith("#")) return [];
  return text
    .split(/[ \t]+/)
    .map((field) =>
      field.replaceAll(/\\([0-3][0-7]{2})/g, (_, octal: string) =>
        String.fromCharCode(Number.parseInt(octal, 8)),
      ),
    );
}

const sameLines = (one: readonly string[], other: readonly string[]): boolean =>
  one.length === other.length && one.every((line, i) => line === other[i]);
