/**
 * Flags as knife reads them: `--flag value`, `--flag=value`, `-f value`, `-fvalue`; a long name may be cut short as
 * long as one flag alone begins so; words may stand between flags; `--` ends them.
 *
 * Source: ruby/optparse, lib/optparse.rb; chef/mixlib-cli 2.1.6, lib/mixlib/cli.rb (the layout of help).
 */
import { plain } from "../../command/terminal.ts";

export interface KnifeFlag {
  readonly type: "string" | "list" | "boolean";
  /** `server-url`. */
  readonly long: string;
  readonly short?: string;
  /** What stands for the value in help: `URL`. */
  readonly value?: string;
  readonly help: string;
  /** The only values that are taken. */
  readonly choices?: readonly string[];
}

/** By knife's own names for them, in whose order help lists them. */
export type KnifeFlags = Readonly<Record<string, KnifeFlag>>;

export interface KnifeTyped {
  readonly words: readonly string[];
  text(name: string): string | undefined;
  all(name: string): readonly string[];
  on(name: string): boolean;
}

/** A refusal in knife's words. */
export class KnifeFlagError extends Error {
  readonly status: number;
  constructor(message: string, status: number) {
    super(message);
    this.status = status;
  }
}

/** @throws KnifeFlagError */
export function parseKnifeFlags(args: readonly string[], flags: KnifeFlags): KnifeTyped {
  const found = new Map<string, string[]>();
  const words: string[] = [];
  const left = [...args];
  const set = (name: string, shown: string, value: string | undefined): void => {
    const flag = flags[name] as KnifeFlag;
    const read = flag.type === "boolean" ? "" : (value ?? left.shift());
    if (read === undefined) throw new KnifeFlagError(`missing argument: ${shown}`, 1);
    assertChoice(flag, read);
    found.set(name, flag.type === "list" ? [...(found.get(name) ?? []), read] : [read]);
  };
  for (let arg = left.shift(); arg !== undefined; arg = left.shift()) {
    if (arg === "--") words.push(...left.splice(0));
    else if (arg.startsWith("--")) long(arg, flags, set);
    else if (arg.startsWith("-") && arg.length > 1) short(arg, flags, set);
    else words.push(arg);
  }
  return {
    words,
    text: (name) => found.get(name)?.[0],
    all: (name) => found.get(name) ?? [],
    on: (name) => found.has(name),
  };
}

type Set = (name: string, shown: string, value: string | undefined) => void;

function long(arg: string, flags: KnifeFlags, set: Set): void {
  const [, typed = "", , value] = /^--([^=]*)(=([\s\S]*))?$/.exec(arg) ?? [];
  const names = Object.keys(flags);
  const exact = names.find((name) => flags[name]?.long === typed);
  const begun = names.filter((name) => flags[name]?.long.startsWith(typed));
  const name = exact ?? (begun.length === 1 ? begun[0] : undefined);
  if (name === undefined || typed === "")
    throw new KnifeFlagError(`${begun.length > 1 ? "ambiguous" : "invalid"} option: --${typed}`, 1);
  if (flags[name]?.type === "boolean" && value !== undefined)
    throw new KnifeFlagError(`needless argument: --${typed}`, 1);
  set(name, `--${typed}`, value);
}

function short(arg: string, flags: KnifeFlags, set: Set): void {
  for (let rest = arg.slice(1); rest !== ""; ) {
    const letter = rest[0] ?? "";
    const name = Object.keys(flags).find((one) => flags[one]?.short === letter);
    if (name === undefined) throw new KnifeFlagError(`invalid option: -${letter}`, 1);
    const takesRest = flags[name]?.type !== "boolean";
    set(name, `-${letter}`, takesRest && rest.length > 1 ? rest.slice(1) : undefined);
    rest = takesRest ? "" : rest.slice(1);
  }
}

function assertChoice({ long: name, short: letter, choices }: KnifeFlag, value: string): void {
  if (choices === undefined || choices.includes(value)) return;
  throw new KnifeFlagError(
    `-${letter}/--${name}: ${plain(value)} is not one of the allowed values: ${listed(choices)}`,
    2,
  );
}

function listed(choices: readonly string[]): string {
  const quoted = choices.map((one) => `'${one}'`);
  return `${quoted.slice(0, -1).join(", ")}, or ${quoted.at(-1)}`;
}

/** The banner and its flags, as help shows them. */
export function knifeUsage(banner: string, flags: KnifeFlags): string {
  const names = Object.keys(flags).sort();
  const rows = [...names.filter((name) => name !== "help"), ...names.filter((name) => name === "help")];
  return [banner, ...rows.map((name) => row(flags[name] as KnifeFlag)), ""].join("\n");
}

function row({ long: name, short: letter, value, help, choices }: KnifeFlag): string {
  const left = `${letter === undefined ? "    " : `-${letter}, `}--${name}${value === undefined ? "" : ` ${value}`}`;
  const what = choices === undefined ? help : `${help} (valid options: ${listed(choices)})`;
  return `    ${left.padEnd(32)} ${what}`;
}
