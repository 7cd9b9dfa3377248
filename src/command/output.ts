/**
 * Output: one answer in the form that was asked for: aligned text for people, the API's answer as JSON for
 * programs, or bare names for a shell's loop.
 */
import { KeywardError } from "../base/errors.ts";
import { type Cell, isStyled, plain, plainJson, render, textOf, widthOf } from "./terminal.ts";
import type { Sink, World } from "./world.ts";

export const formats = ["table", "json", "name"] as const;
export type Format = (typeof formats)[number];

export type Block =
  | { readonly kind: "table"; readonly head: readonly string[]; readonly rows: readonly (readonly Cell[])[] }
  /** A name and a value on each line; a value that is absent is left out. */
  | { readonly kind: "fields"; readonly fields: readonly (readonly [string, Cell | undefined])[] }
  | { readonly kind: "lines"; readonly lines: readonly (Cell | readonly Cell[])[] };

/** What an answer looks like to a person, and which names it holds. */
export interface View {
  readonly blocks: readonly Block[];
  readonly names: readonly string[];
}

export interface Output {
  readonly format: Format;
  /** Print one answer. `answer` is what `-o json` prints. */
  show(answer: unknown, view: View): void;
  /** One answer of many, on a line of its own. */
  item(answer: unknown, line: readonly Cell[], name: string): void;
  /** A word to the person at the keyboard, on stderr; left out when the answer is for a program. */
  note(line: Cell): void;
  /** Bytes as they are. */
  bytes(bytes: Uint8Array): void;
}

export function createOutput(world: Pick<World, "stdout" | "stderr" | "env">, format: Format): Output {
  const styled = isStyled(world.stdout, world.env);
  const put = (line: string): void => write(world.stdout, `${line}\n`);
  return {
    format,
    show(answer, view) {
      if (format === "json") put(plainJson(answer, 2));
      else if (format === "name") view.names.forEach((name) => void put(plain(name)));
      else for (const line of layOut(view.blocks, styled)) put(line);
    },
    item(answer, line, name) {
      if (format === "json") put(plainJson(answer));
      else if (format === "name") put(plain(name));
      else put(line.map((cell) => render(cell, styled)).join("  "));
    },
    note(line) {
      if (format === "table") write(world.stderr, `${render(line, isStyled(world.stderr, world.env))}\n`);
    },
    bytes: (bytes) => write(world.stdout, bytes),
  };
}

/** Lines of all blocks; an empty line stands between two that are not empty. */
export function layOut(blocks: readonly Block[], styled: boolean): string[] {
  const laid = blocks.map((block) => layOutOne(block, styled)).filter((lines) => lines.length > 0);
  return laid.flatMap((lines, i) => (i === 0 ? lines : ["", ...lines]));
}

function layOutOne(block: Block, styled: boolean): string[] {
  switch (block.kind) {
    case "table":
      return block.rows.length === 0 ? [] : align([block.head.map(headCell), ...block.rows], styled);
    case "fields": {
      const present = block.fields.filter((field): field is [string, Cell] => field[1] !== undefined);
      return align(present, styled);
    }
    case "lines":
      return block.lines.map((line) => lineOf(line, styled));
  }
}

function headCell(text: string): Cell {
  return { text, style: "dim" };
}

function lineOf(line: Cell | readonly Cell[], styled: boolean): string {
  const cells: readonly Cell[] = Array.isArray(line) ? line : [line as Cell];
  return cells.map((cell) => render(cell, styled)).join("");
}

function align(rows: readonly (readonly Cell[])[], styled: boolean): string[] {
  const widths: number[] = [];
  for (const row of rows)
    row.forEach((cell, i) => {
      widths[i] = Math.max(widths[i] ?? 0, widthOf(textOf(cell)));
    });
  return rows.map((row) =>
    row
      .map((cell, i) =>
        render(textOf(cell) === "" ? "-" : cell, styled, i === row.length - 1 ? 0 : widths[i]),
      )
      .join("  ")
      .trimEnd(),
  );
}

function write(sink: Sink, chunk: string | Uint8Array): void {
  sink.write(chunk);
}

/** @throws KeywardError `usage` */
export function parseFormat(text: string, from: string): Format {
  const format = formats.find((one) => one === text);
  if (format === undefined)
    throw new KeywardError("usage", `${from} ${JSON.stringify(text)}: want ${formats.join(", ")}`);
  return format;
}
