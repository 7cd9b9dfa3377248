/**
 * Values as Ruby prints its own: on one line where 79 columns are enough, else each member on a line.
 *
 * Source: ruby/ruby 3.1, lib/pp.rb and prettyprint.rb; string.c, rb_str_inspect.
 */
import { rubyFloat } from "../../base/exact-json-text.ts";
import { isShownList, isShownObject, plainOf, RubySymbol, type Shown } from "./shown.ts";

const WIDTH = 79;

/** Pieces of a line: text, a place where it may be broken, and groups that are broken at all their places or at none. */
type Piece = string | { readonly blank: string } | Group;

interface Group {
  /** Added to the margin of the lines that begin inside. */
  readonly indent: number;
  readonly pieces: readonly Piece[];
}

/** With a line break at its end. */
export function prettyRuby(value: Shown): string {
  return `${fill({ indent: 0, pieces: [pieceOf(value)] })}\n`;
}

/** On one line, however long. */
export function inspectRuby(value: Shown): string {
  const plain = plainOf(value);
  if (isShownObject(plain))
    return `{${[...plain].map(([name, one]) => `${quoted(name)}=>${inspectRuby(one)}`).join(", ")}}`;
  return isShownList(plain) ? `[${plain.map(inspectRuby).join(", ")}]` : single(plain);
}

function pieceOf(given: Shown): Piece {
  const value = plainOf(given);
  if (isShownObject(value)) {
    const members = [...value].map(
      ([name, one]): Piece => ({
        indent: 0,
        pieces: [textPiece(name), "=>", { indent: 1, pieces: [{ blank: "" }, pieceOf(one)] }],
      }),
    );
    return { indent: 1, pieces: ["{", ...separated(members, [",", { blank: " " }]), "}"] };
  }
  if (isShownList(value))
    return {
      indent: 1,
      pieces: ["[", ...separated(value.map(pieceOf), [",", { blank: " " }]), "]"],
    };
  return typeof value === "string" ? textPiece(value) : single(value);
}

/** Line by line. */
function textPiece(text: string): Piece {
  const lines = text.match(/[^\n]*\n|[^\n]+$/g) ?? [];
  if (lines.length < 2) return quoted(text);
  return { indent: 0, pieces: separated(lines.map(quoted), [" +", { blank: " " }]) };
}

function separated(parts: readonly Piece[], between: readonly Piece[]): Piece[] {
  return parts.flatMap((part, i) => (i === 0 ? [part] : [...between, part]));
}

interface Job {
  readonly piece: Piece;
  readonly margin: number;
  readonly broken: boolean;
}

function fill(whole: Group): string {
  let [text, column] = ["", 0];
  const jobs: Job[] = [{ piece: whole, margin: 0, broken: true }];
  for (let job = jobs.pop(); job !== undefined; job = jobs.pop()) {
    const { piece, margin, broken } = job;
    if (typeof piece === "string") {
      text += piece;
      column += [...piece].length;
    } else if ("blank" in piece) {
      text += broken ? `\n${" ".repeat(margin)}` : piece.blank;
      column = broken ? margin : column + piece.blank.length;
    } else {
      const inner = margin + piece.indent;
      const breaks = !fits(piece, jobs, WIDTH - column);
      for (const one of piece.pieces.toReversed()) jobs.push({ piece: one, margin: inner, broken: breaks });
    }
  }
  return text;
}

/** Does the group fit on what is left of the line, with what follows up to the next place that is broken? */
function fits(group: Group, after: readonly Job[], room: number): boolean {
  let left = room;
  const pending: Job[] = [{ piece: group, margin: 0, broken: false }];
  for (let next = after.length; left >= 0; ) {
    const job = pending.pop() ?? after[--next];
    // Of two groups side by side the later one is broken first.
    if (job === undefined || (pending.length === 0 && next < after.length && beginsWithBlank(job.piece)))
      return true;
    const { piece, broken } = job;
    if (typeof piece === "string") left -= [...piece].length;
    else if (!("blank" in piece))
      for (const one of piece.pieces.toReversed()) pending.push({ piece: one, margin: 0, broken: false });
    else if (broken) return true;
    else left -= piece.blank.length;
  }
  return false;
}

function beginsWithBlank(piece: Piece): boolean {
  const [first] = typeof piece === "object" && "pieces" in piece ? piece.pieces : [];
  return typeof first === "object" && "blank" in first;
}

function single(value: Shown): string {
  if (value === null) return "nil";
  if (value instanceof RubySymbol) return `:${value.name}`;
  if (typeof value === "string") return quoted(value);
  return typeof value === "number" ? rubyFloat(value) : String(value);
}

const short: Readonly<Record<string, string>> = {
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
  "\f": "\\f",
  "\v": "\\v",
  "\b": "\\b",
  "\x07": "\\a",
  "\x1b": "\\e",
  '"': '\\"',
  "\\": "\\\\",
};

function quoted(text: string): string {
  const escaped = text.replace(/["\\]|#(?=[{$@])|[\p{C}\p{Zl}\p{Zp}]/gu, (c) => {
    if (c === "#") return "\\#";
    const code = c.codePointAt(0) ?? 0;
    const hex = code.toString(16).toUpperCase();
    return short[c] ?? (code > 0xffff ? `\\u{${hex}}` : `\\u${hex.padStart(4, "0")}`);
  });
  return `"${escaped}"`;
}
