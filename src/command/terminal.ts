/** What may reach a terminal: text from outside without control characters, and styles only where they are wanted. */

export type Style = "bold" | "dim" | "red" | "green" | "yellow";

/** A piece of a line. Its text is never trusted. */
export type Cell = string | { readonly text: string; readonly style: Style };

const codes: Readonly<Record<Style, string>> = { bold: "1", dim: "2", red: "31", green: "32", yellow: "33" };

// Control characters, and the marks that reorder or hide text (Unicode TR 36, section 3.6).
const disturbing =
  /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2064\u2066-\u2069\ufeff]/g;

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

/** Text from outside on one line: what could move the cursor or reorder the line is written as `\u001b`. */
export function plain(text: string): string {
  return text.replace(disturbing, escaped);
}

/** JSON as it may be printed: the same document, its disturbing characters escaped. */
export function plainJson(value: unknown, indent?: number): string {
  return JSON.stringify(value, null, indent)
    .split("\n")
    .map((line) => line.replace(disturbing, escaped))
    .join("\n");
}

export function textOf(cell: Cell): string {
  return plain(typeof cell === "string" ? cell : cell.text);
}

export function render(cell: Cell, styled: boolean, width = 0): string {
  const text = textOf(cell);
  const padding = " ".repeat(Math.max(0, width - widthOf(text)));
  if (!styled || typeof cell === "string") return text + padding;
  return `\u001b[${codes[cell.style]}m${text}\u001b[0m${padding}`;
}

/** Columns that the text takes: marks that combine take none, wide characters two. */
export function widthOf(text: string): number {
  let width = 0;
  for (const character of text) {
    if (/\p{M}/u.test(character)) continue;
    width += isWide(character) ? 2 : 1;
  }
  return width;
}

function isWide(character: string): boolean {
  return /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}]/u.test(
    character,
  );
}

/** Styles are for terminals whose owner did not say no (https://no-color.org). */
export function isStyled(
  stream: { readonly isTTY?: boolean },
  env: Readonly<Record<string, string | undefined>>,
): boolean {
  return stream.isTTY === true && (env.NO_COLOR ?? "") === "" && env.TERM !== "dumb";
}
