/**
 * Flags as Go's package `flag` reads them: one dash or two, `-f v` or `-f=v`, booleans only as `-u` or `-u=…`,
 * the last one counts, integers in Go's syntax, and the first plain word ends them silently.
 *
 * Source: Go, flag/flag.go and strconv.ParseInt with base 0.
 */

export type GoFlagKind = "string" | "int" | "bool";

/** A refusal in Go's words; the program ends with 2. */
export class GoFlagError extends Error {}

/** Someone asked for help: the program ends with 0. */
export class GoHelp extends Error {}

export type GoFlags = ReadonlyMap<string, string | number | boolean>;

/** @throws GoFlagError, GoHelp */
export function parseGoFlags(args: readonly string[], kinds: Readonly<Record<string, GoFlagKind>>): GoFlags {
  const found = new Map<string, string | number | boolean>();
  for (let i = 0; i < args.length; i++) {
    const arg = args[i] ?? "";
    if (arg.length < 2 || !arg.startsWith("-") || arg === "--") break;
    const { name, value } = split(arg);
    const kind = Object.hasOwn(kinds, name) ? kinds[name] : undefined;
    if (kind === undefined) {
      if (name === "h" || name === "help") throw new GoHelp();
      throw new GoFlagError(`flag provided but not defined: -${name}`);
    }
    if (kind === "bool") found.set(name, value === undefined ? true : parseBool(name, value));
    else {
      const text = value ?? args[++i];
      if (text === undefined) throw new GoFlagError(`flag needs an argument: -${name}`);
      found.set(name, kind === "int" ? parseInteger(name, text) : text);
    }
  }
  return found;
}

/** @throws GoFlagError */
function split(arg: string): { name: string; value: string | undefined } {
  const [, name = "", , value] = /^--?([^=]*)(=([\s\S]*))?$/.exec(arg) ?? [];
  if (name === "" || name.startsWith("-")) throw new GoFlagError(`bad flag syntax: ${arg}`);
  return { name, value };
}

/** The words that strconv.ParseBool takes. */
export const goBooleans: Readonly<Record<string, boolean>> = {
  ...Object.fromEntries(["1", "t", "T", "true", "TRUE", "True"].map((word) => [word, true])),
  ...Object.fromEntries(["0", "f", "F", "false", "FALSE", "False"].map((word) => [word, false])),
};

function parseBool(name: string, text: string): boolean {
  const value = Object.hasOwn(goBooleans, text) ? goBooleans[text] : undefined;
  if (value === undefined)
    throw new GoFlagError(`invalid boolean value ${JSON.stringify(text)} for -${name}: parse error`);
  return value;
}

/** Decimal, 0x, 0o or a leading 0 for octal, 0b; `_` between digits. */
const integer =
  /^([+-]?)(?:0[xX]((?:_?[0-9a-fA-F])+)|0[bB]((?:_?[01])+)|0[oO]?((?:_?[0-7])+)|([1-9](?:_?[0-9])*|0))$/;

function parseInteger(name: string, text: string): number {
  const refuse = (why: string): GoFlagError =>
    new GoFlagError(`invalid value ${JSON.stringify(text)} for flag -${name}: ${why}`);
  const value = goInteger(text);
  if (value === null) throw refuse("parse error");
  if (value >= 2n ** 63n || value <= -(2n ** 63n)) throw refuse("value out of range");
  return Number(value);
}

/** `null` where strconv.ParseInt with base 0 finds no number, whatever its size. */
export function goInteger(text: string): bigint | null {
  const [, sign, hex, binary, octal, decimal] = integer.exec(text) ?? [];
  const digits = hex ?? binary ?? octal ?? decimal;
  if (digits === undefined) return null;
  const prefix = hex ? "0x" : binary ? "0b" : octal ? "0o" : "";
  const size = BigInt(prefix + digits.replaceAll("_", ""));
  return sign === "-" ? -size : size;
}
