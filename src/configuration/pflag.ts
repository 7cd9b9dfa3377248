/**
 * Flags as the Go package pflag reads them: `--flag value`, `--flag=value`, `-f value`, `-f=value`, `-fvalue`;
 * booleans take a value only after `=`; several short booleans may share a dash; words may stand between flags;
 * `--` ends them; the last one counts. Several flags may set one value. `--help` and `-h` are flags of all.
 *
 * Source: github.com/spf13/pflag, flag.go.
 */
import { goBooleans, goInteger } from "../command/go-flags.ts";

export interface PFlag {
  readonly type: "string" | "boolean" | "int";
  readonly short?: string;
  /** The value that it sets, when that is not its own name. */
  readonly sets?: string;
  readonly help: string;
}

export type PFlags = Readonly<Record<string, PFlag>>;

export interface PTyped {
  readonly words: readonly string[];
  text(name: string): string;
  on(name: string): boolean;
  has(name: string): boolean;
}

/** A refusal in pflag's words. */
export class PFlagError extends Error {}

/** Someone asked for help. */
export class PHelp extends Error {}

const help: PFlag = { type: "boolean", short: "h", help: "help for the command" };

/** @throws PFlagError, PHelp */
export function parsePFlags(args: readonly string[], ownFlags: PFlags): PTyped {
  const flags = { ...ownFlags, help };
  /** Whole numbers as decimal text. */
  const found = new Map<string, string | boolean>();
  const words: string[] = [];
  const left = [...args];
  const set = (name: string, shown: string, value: string | undefined): void => {
    const flag = (flags as PFlags)[name] as PFlag;
    found.set(flag.sets ?? name, read(flag, name, shown, value, left));
  };
  for (let arg = left.shift(); arg !== undefined; arg = left.shift()) {
    if (arg === "--") words.push(...left.splice(0));
    else if (arg.startsWith("--")) long(arg, flags, set);
    else if (arg.startsWith("-") && arg.length > 1) short(arg, flags, set);
    else words.push(arg);
  }
  if (found.get("help") === true) throw new PHelp();
  return {
    words,
    text: (name) => (found.get(name) as string | undefined) ?? "",
    on: (name) => found.get(name) === true,
    has: (name) => found.has(name),
  };
}

type Set = (name: string, shown: string, value: string | undefined) => void;

function long(arg: string, flags: PFlags, set: Set): void {
  const [, name = "", , value] = /^--([^=]*)(=([\s\S]*))?$/.exec(arg) ?? [];
  if (name === "" || name.startsWith("-")) throw new PFlagError(`bad flag syntax: ${arg}`);
  if (Object.hasOwn(flags, name)) set(name, `--${name}`, value);
  else throw new PFlagError(`unknown flag: --${name}`);
}

function short(arg: string, flags: PFlags, set: Set): void {
  for (let rest = arg.slice(1); rest !== ""; ) {
    const letter = rest[0] ?? "";
    const name = Object.keys(flags).find((one) => flags[one]?.short === letter);
    if (name === undefined) throw new PFlagError(`unknown shorthand flag: '${letter}' in -${rest}`);
    const shown = `'${letter}' in -${rest}`;
    // `-s=` alone is the value `=`
    const hasValue = rest[1] === "=" && rest.length > 2;
    const takesRest = flags[name]?.type !== "boolean" && rest.length > 1;
    if (hasValue) set(name, shown, rest.slice(2));
    else set(name, shown, takesRest ? rest.slice(1) : undefined);
    rest = hasValue || takesRest ? "" : rest.slice(1);
  }
}

function read(
  { type, short: letter }: PFlag,
  name: string,
  shown: string,
  value: string | undefined,
  left: string[],
): string | boolean {
  const both = letter === undefined ? `--${name}` : `-${letter}, --${name}`;
  if (type !== "boolean") {
    const text = value ?? left.shift();
    if (text === undefined) throw new PFlagError(`flag needs an argument: ${shown}`);
    if (type === "string") return text;
    const number = goInteger(text);
    if (number === null) throw invalid(both, text, "Int");
    return String(number);
  }
  if (value === undefined) return true;
  const truth = Object.hasOwn(goBooleans, value) ? goBooleans[value] : undefined;
  if (truth !== undefined) return truth;
  throw invalid(both, value, "Bool");
}

function invalid(flag: string, value: string, kind: "Int" | "Bool"): PFlagError {
  const text = JSON.stringify(value);
  return new PFlagError(
    `invalid argument ${text} for "${flag}" flag: strconv.Parse${kind}: parsing ${text}: invalid syntax`,
  );
}

/**
 * A command of several, as the Go package cobra finds it: the first word that is no flag's value. Before the command is
 * known no flag is: one without `=` takes the next word, unless that is the last.
 *
 * Source: github.com/spf13/cobra, command.go, stripFlags and argsMinusFirstX.
 *
 * @returns The command, `undefined` when there is none, and the words without it.
 */
export function findCommand(args: readonly string[]): { name: string | undefined; rest: readonly string[] } {
  for (let at = 0; at < args.length; at++) {
    const arg = args[at] ?? "";
    if (arg === "--") break;
    const takesNext = /^--[^=]*$/.test(arg) || /^-[^=]$/.test(arg);
    if (takesNext && args.length - at <= 2) break;
    if (takesNext) at++;
    else if (arg !== "" && !arg.startsWith("-")) return { name: arg, rest: args.toSpliced(at, 1) };
  }
  return { name: undefined, rest: args };
}

/** As pflag lays them out for help. */
export function pflagUsages(flags: PFlags): string {
  const all: PFlags = { ...flags, help };
  const rows = Object.entries(all)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, { type, short: letter, help: what }]): [string, string] => [
      `  ${letter === undefined ? "    " : `-${letter}, `}--${name}${type === "boolean" ? "" : ` ${type}`}`,
      what,
    ]);
  const width = Math.max(...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `${left.padEnd(width)}   ${right}\n`).join("");
}
