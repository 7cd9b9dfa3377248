/**
 * Flags as the Go package pflag reads them: `--flag value`, `--flag=value`, `-f value`, `-f=value`, `-fvalue`;
 * booleans take a value only after `=`; several short booleans may share a dash; words may stand between flags;
 * `--` ends them; the last one counts. Several flags may set one value.
 *
 * Source: github.com/spf13/pflag, flag.go.
 */
import { goBooleans } from "../gokey/go-flags.ts";

export interface PFlag {
  readonly type: "string" | "boolean";
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

/** @throws PFlagError, PHelp */
export function parsePFlags(args: readonly string[], flags: PFlags): PTyped {
  const found = new Map<string, string | boolean>();
  const words: string[] = [];
  const left = [...args];
  const set = (name: string, shown: string, value: string | undefined): void => {
    const flag = flags[name] as PFlag;
    found.set(flag.sets ?? name, read(flag, shown, value, left));
  };
  for (let arg = left.shift(); arg !== undefined; arg = left.shift()) {
    if (arg === "--") words.push(...left.splice(0));
    else if (arg.startsWith("--")) long(arg, flags, set);
    else if (arg.startsWith("-") && arg.length > 1) short(arg, flags, set);
    else words.push(arg);
  }
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
  else if (name === "help") throw new PHelp();
  else throw new PFlagError(`unknown flag: --${name}`);
}

function short(arg: string, flags: PFlags, set: Set): void {
  for (let rest = arg.slice(1); rest !== ""; ) {
    const letter = rest[0] ?? "";
    const name = Object.keys(flags).find((one) => flags[one]?.short === letter);
    if (name === undefined && letter === "h") throw new PHelp();
    if (name === undefined) throw new PFlagError(`unknown shorthand flag: '${letter}' in ${arg}`);
    const shown = `'${letter}' in ${arg}`;
    const takesRest = flags[name ?? ""]?.type === "string" && rest.length > 1;
    if (rest[1] === "=") set(name, shown, rest.slice(2));
    else set(name, shown, takesRest ? rest.slice(1) : undefined);
    rest = rest[1] === "=" || takesRest ? "" : rest.slice(1);
  }
}

function read(
  { type, short: letter }: PFlag,
  shown: string,
  value: string | undefined,
  left: string[],
): string | boolean {
  if (type === "string") {
    const text = value ?? left.shift();
    if (text === undefined) throw new PFlagError(`flag needs an argument: ${shown}`);
    return text;
  }
  if (value === undefined) return true;
  const truth = Object.hasOwn(goBooleans, value) ? goBooleans[value] : undefined;
  if (truth !== undefined) return truth;
  const name = letter === undefined ? shown : `-${letter}, ${shown}`;
  const text = JSON.stringify(value);
  throw new PFlagError(
    `invalid argument ${text} for "${name}" flag: strconv.ParseBool: parsing ${text}: invalid syntax`,
  );
}

/** As pflag lays them out for help. */
export function pflagUsages(flags: PFlags): string {
  const all: PFlags = { ...flags, help: { type: "boolean", short: "h", help: "help for the command" } };
  const rows = Object.entries(all)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, { type, short: letter, help }]): [string, string] => [
      `  ${letter === undefined ? "    " : `-${letter}, `}--${name}${type === "string" ? " string" : ""}`,
      help,
    ]);
  const width = Math.max(...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `${left.padEnd(width)}   ${right}\n`).join("");
}
