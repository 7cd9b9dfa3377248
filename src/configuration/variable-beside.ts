/**
 * Which variable an envelope in a text belongs to: the name that it is given to, as people write configuration.
 *
 *     NAME=…                           to the end of the line, or of the quotes
 *     NAME: …   "NAME": …              to the end of the line, of the quotes, or to the next name of the same list
 *     name: NAME and value: …          Kubernetes and Mesos, in either order, within three lines
 *     NAME: | and lines further in     a block of YAML
 *
 * It is text that is read, not a document: one rule holds for every format. Where it finds no name there is none.
 */

interface Span {
  readonly start: number;
  readonly end: number;
}

/** As far as a name may stand from its value. */
const WINDOW = 4096;
const NAME = "[A-Za-z_][A-Za-z0-9_.-]{0,1023}";
const assigned = new RegExp(`(["']?)(${NAME})\\1[\\t ]*(=|:(?=[\\t "']|$))[\\t ]*`, "g");
const nextInList = new RegExp(`,[\\t ]*["']?${NAME}["']?[\\t ]*:`);
const blockHead = new RegExp(
  `^[\\t ]*(?:- )?(["']?)(${NAME})\\1[\\t ]*:[\\t ]*(?:[|>][-+0-9]*)?[\\t ]*(?:#.*)?$`,
);
const nameField = new RegExp(`(?:^|[^A-Za-z0-9_.-])name["']?[\\t ]*:[\\t ]*["']?(${NAME})`, "gi");
const envelopes = /ENC\[[A-Z]+,[A-Za-z0-9+/=]+\]/g;

/** @returns Empty when there is none. */
export function variableBeside(text: string, { start, end }: Span): string {
  const before = text.slice(Math.max(0, start - WINDOW), start).split("\n");
  const line = (before.pop() ?? "").replace(envelopes, "");
  const name = assignedName(line) ?? blockName(line, before) ?? "";
  if (name !== "value") return name;
  const [rest = "", ...after] = text.slice(end, end + WINDOW).split("\n");
  return nameBefore(line, before) ?? nameAfter(rest, after) ?? name;
}

/** In the same item: not beyond the brace or the dash that begins it. */
function nameBefore(line: string, before: readonly string[]): string | null {
  const own = line.slice(line.lastIndexOf("{") + 1);
  return namedIn(own) ?? (own !== line || startsItem(line) ? null : nearest(before.toReversed()));
}

function nameAfter(rest: string, after: readonly string[]): string | null {
  const [own = ""] = rest.split("}", 1);
  const last = after.findIndex(startsItem);
  return namedIn(own) ?? (own === rest ? nearest(last < 0 ? after : after.slice(0, last)) : null);
}

/** The first name on the line whose value goes on to the line's end. */
function assignedName(line: string): string | null {
  for (const match of line.matchAll(assigned)) {
    const value = line.slice(match.index + match[0].length);
    const around = line[match.index - 1] ?? "";
    if (goesOn(value, match[3] === "=", around)) return match[2] ?? null;
  }
  return null;
}

/** @param around - What stands before the name: `"NAME=…"` ends with its quote. */
function goesOn(value: string, toLineEnd: boolean, around: string): boolean {
  if (toLineEnd && (around === '"' || around === "'")) return !value.includes(around);
  const quote = value[0];
  if (quote === '"' || quote === "'") return !value.slice(1).includes(quote);
  return toLineEnd || (!/^[{[]/.test(value) && !nextInList.test(value));
}

function blockName(line: string, before: readonly string[]): string | null {
  const indent = indentOf(line);
  const head = before.findLast((other) => other.trim() !== "" && indentOf(other) < indent);
  return head === undefined ? null : (blockHead.exec(head)?.[2] ?? null);
}

function indentOf(line: string): number {
  return line.length - line.trimStart().length;
}

function namedIn(line: string): string | null {
  return [...line.matchAll(nameField)].at(-1)?.[1] ?? null;
}

function nearest(lines: readonly string[]): string | null {
  for (const line of lines.slice(0, 3)) {
    const found = namedIn(line);
    if (found !== null) return found;
    if (startsItem(line) || /[{}\]]/.test(line)) return null;
  }
  return null;
}

function startsItem(line: string): boolean {
  return /^[\t ]*-/.test(line);
}
