/**
 * Texts as Ruby's Psych dumps them: which of YAML's four ways it picks, and how libyaml then writes it, lines longer
 * than 80 columns folded.
 *
 * Source: ruby/psych 4.0.3, lib/psych/visitors/yaml_tree.rb (visit_String); yaml/libyaml 0.2.5, src/emitter.c
 * (yaml_emitter_analyze_scalar, yaml_emitter_select_scalar_style, yaml_emitter_write_*_scalar).
 */
import { readPlainScalar } from "../../formats/databag/yaml-scalar.ts";

type Style = "plain" | "single" | "double" | "literal";

const BEST_WIDTH = 80;

/** @param column - Where it begins. @param indent - Of the lines that it goes on on. @param key - On one line. */
export function writeScalar(text: string, column: number, indent: number, key = false): string {
  const style = styleOf(text, key);
  switch (style) {
    case "plain":
      return folded(text, column, indent, key, "");
    case "single":
      return `'${folded(text, column + 1, indent, key, "'")}'`;
    case "double":
      return doubleQuoted(text, column + 1, indent, key);
    case "literal":
      return literal(text, indent);
  }
}

/** A key of more bytes, or of several lines, is marked. */
export function isSimpleKey(text: string): boolean {
  return Buffer.byteLength(text) <= 128 && !hasBreak(text);
}

function styleOf(text: string, key: boolean): Style {
  const wanted = wantedStyle(text);
  const may = allowed(text);
  if (key && hasBreak(text)) return "double";
  if (wanted === "literal") return may.literal && !key ? "literal" : "double";
  if (wanted === "double") return "double";
  if (wanted === "plain" && may.plain && !(text === "" && key)) return "plain";
  return may.single ? "single" : "double";
}

function wantedStyle(text: string): Style {
  if (/\n(?!\n?$)/.test(text) || /\n\n$/.test(text)) return "literal";
  if (text === "<<") return "single";
  if (/^[yYnN]$/.test(text) || /^[^\p{L}\p{M}\p{N}\p{Pc}][^"]*$/u.test(text)) return "double";
  return text === "" || isOther(text) ? "single" : "plain";
}

/** Read as plain, it would not be this text. */
function isOther(text: string): boolean {
  if (/^(?::.|0[0-7]*\.[0-9])/.test(text)) return true;
  try {
    return typeof readPlainScalar(text, "scalar") !== "string";
  } catch {
    return true;
  }
}

interface Allowed {
  readonly plain: boolean;
  readonly single: boolean;
  readonly literal: boolean;
}

/** What the emitter calls breaks: LF, CR, NEL, LS, PS. */
const breaks = /[\n\r\x85\u2028\u2029]/;

function hasBreak(text: string): boolean {
  return breaks.test(text);
}

function allowed(text: string): Allowed {
  const special = /[^\n\x20-\x7e\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd]/.test(text);
  const spaceBreak = / [\n\r\x85\u2028\u2029]/.test(text);
  const breakSpace = /[\n\r\x85\u2028\u2029] /.test(text);
  const none = special || spaceBreak;
  return {
    plain: !none && !hasBreak(text) && !/^ | $/.test(text) && !hasIndicator(text),
    single: !none && !breakSpace,
    literal: !none && !text.endsWith(" "),
  };
}

function hasIndicator(text: string): boolean {
  if (/^(?:---|\.\.\.)|^[#,[\]{}&*!|>'"%@`]/.test(text)) return true;
  return /^[?-](?:[ \t]|$)|:(?:[ \t]|$)|[ \t]#/.test(text);
}

/** Plain, and between single quotes: a break is doubled, and folding needs a single blank. */
function folded(text: string, start: number, indent: number, key: boolean, quote: "" | "'"): string {
  let [out, column, afterSpace, afterBreak] = ["", start, false, false];
  const letters = [...text];
  const begin = (): void => {
    out += `${out === "" || out.endsWith("\n") ? "" : "\n"}${" ".repeat(indent)}`;
    column = indent;
  };
  for (const [i, letter] of letters.entries()) {
    if (letter === " ") {
      const inside = quote === "" || (i > 0 && i < letters.length - 1);
      if (!key && !afterSpace && column > BEST_WIDTH && inside && letters[i + 1] !== " ") begin();
      else {
        out += " ";
        column++;
      }
      afterSpace = true;
    } else if (breaks.test(letter)) {
      out += `${!afterBreak && letter === "\n" ? "\n" : ""}${letter}`;
      column = 0;
      afterBreak = true;
    } else {
      if (afterBreak) begin();
      out += letter === "'" && quote === "'" ? "''" : letter;
      column += letter === "'" && quote === "'" ? 2 : 1;
      afterSpace = false;
      afterBreak = false;
    }
  }
  if (afterBreak) begin();
  return out;
}

function literal(text: string, indent: number): string {
  const hint = /^[ \n\r\x85\u2028\u2029]/.test(text) ? "2" : "";
  const chomp = /[\n\r\x85\u2028\u2029]{2}$/.test(text) ? "+" : hasBreak(text.slice(-1)) ? "" : "-";
  let [out, begins] = [`|${hint}${chomp}\n`, true];
  for (const letter of text) {
    const isBreak = breaks.test(letter);
    if (begins && !isBreak) out += " ".repeat(indent);
    out += letter;
    begins = isBreak;
  }
  return out;
}

const short: Readonly<Record<string, string>> = {
  "\0": "\\0",
  "\x07": "\\a",
  "\b": "\\b",
  "\t": "\\t",
  "\n": "\\n",
  "\v": "\\v",
  "\f": "\\f",
  "\r": "\\r",
  "\x1b": "\\e",
  '"': '\\"',
  "\\": "\\\\",
  "\x85": "\\N",
  "\u2028": "\\L",
  "\u2029": "\\P",
};

function doubleQuoted(text: string, start: number, indent: number, key: boolean): string {
  let [out, column, afterSpace] = ['"', start, false];
  const letters = [...text];
  for (const [i, letter] of letters.entries()) {
    const folds = letter === " " && !key && !afterSpace && column > BEST_WIDTH;
    if (folds && i > 0 && i < letters.length - 1) {
      out += `\n${" ".repeat(indent)}${letters[i + 1] === " " ? "\\" : ""}`;
      column = indent + (letters[i + 1] === " " ? 1 : 0);
    } else {
      const written = letter === " " ? " " : escaped(letter);
      out += written;
      column += written.length > 2 ? written.length : [...written].length;
    }
    afterSpace = letter === " ";
  }
  return `${out}"`;
}

function escaped(letter: string): string {
  const name = short[letter];
  if (name !== undefined) return name;
  if (/^[\x20-\x7e\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd]$/.test(letter)) return letter;
  const code = letter.codePointAt(0) ?? 0;
  const hex = (digits: number): string => code.toString(16).toUpperCase().padStart(digits, "0");
  return code <= 0xff ? `\\x${hex(2)}` : code <= 0xffff ? `\\u${hex(4)}` : `\\U${hex(8)}`;
}
