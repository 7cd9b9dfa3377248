/** From what was typed to what an act takes: flags by its table, words counted, each refusal with the next step. */
import { parseArgs } from "node:util";
import { KeywardError } from "../base/errors.ts";
import { closest } from "../base/suggest.ts";
import { printable } from "../model/name.ts";
import type { AnyAct, Flag, Flags, Typed } from "./command.ts";
import { flagsOf } from "./flags.ts";

/**
 * @param name - As it was typed: `key put`.
 * @throws KeywardError `usage`
 */
export function parseTyped(name: string, act: AnyAct, typed: readonly string[]): Typed<Flags> {
  const flags = flagsOf(act);
  const { values, positionals, tokens } = split(
    name,
    flags,
    act.queries === true ? negatedLast(typed) : typed,
  );
  const end = tokens.find((token) => token.kind === "option-terminator")?.index;
  // Where no program follows, -- only ends the flags: what comes after it is words.
  const rest = end === undefined || act.rest === undefined ? undefined : typed.slice(end + 1);
  const words = rest === undefined ? positionals : positionals.slice(0, positionals.length - rest.length);
  for (const [flag, value] of Object.entries(values)) checkChoice(flag, flags[flag], value);
  if (values.help !== true) {
    checkRepeats(tokens, flags);
    checkWords(name, act, words);
  }
  return { words, flags: values as Typed<Flags>["flags"], ...(rest === undefined ? {} : { rest }) };
}

/** Chef's language takes `-tags:web` for NOT; behind `--` it is no flag. */
function negatedLast(typed: readonly string[]): readonly string[] {
  const isNegated = (word: string): boolean => /^-[^-=][^=]*:/.test(word);
  if (typed.includes("--") || !typed.some(isNegated)) return typed;
  return [...typed.filter((word) => !isNegated(word)), "--", ...typed.filter(isNegated)];
}

function split(name: string, flags: Flags, typed: readonly string[]) {
  const options = Object.fromEntries(
    Object.entries(flags).map(([flag, { type, short, multiple }]) => [
      flag,
      { type, ...(short && { short }), ...(multiple && { multiple }) },
    ]),
  );
  try {
    return parseArgs({ args: [...typed], options, strict: true, allowPositionals: true, tokens: true });
  } catch (error) {
    throw explain(name, flags, typed, error as Error & { code?: string });
  }
}

function explain(
  name: string,
  flags: Flags,
  typed: readonly string[],
  error: Error & { code?: string },
): KeywardError {
  if (error.code === "ERR_PARSE_ARGS_UNKNOWN_OPTION") {
    const unknown = unknownFlag(flags, typed);
    const meant = closest(unknown.replace(/^-+/, ""), Object.keys(flags));
    return refuse(
      name,
      `unknown flag ${printable(unknown)}`,
      meant === null ? undefined : `did you mean --${meant}?`,
    );
  }
  const flag = /'(?:-\w, )?(--[\w-]+)/.exec(error.message)?.[1] ?? "a flag";
  const why = /does not take an argument/.test(error.message) ? "takes no value" : "needs a value";
  const dash = /ambiguous/.test(error.message)
    ? `for a value that begins with a dash: ${flag}=-value`
    : undefined;
  return refuse(name, `${flag} ${why}`, dash);
}

function unknownFlag(flags: Flags, typed: readonly string[]): string {
  const shorts = Object.values(flags).map((flag) => flag.short);
  for (const word of typed) {
    if (word === "--") break;
    const long = /^--([^=]+)/.exec(word)?.[1];
    if (long !== undefined && flags[long] === undefined) return `--${long}`;
    if (/^-[^-]/.test(word) && !shorts.includes(word[1])) return word.slice(0, 2);
  }
  return "-";
}

function checkChoice(name: string, flag: Flag | undefined, value: unknown): void {
  if (flag?.choices === undefined || typeof value !== "string" || flag.choices.includes(value)) return;
  const meant = closest(value, flag.choices);
  throw new KeywardError("usage", `--${name} ${printable(value)}: want ${flag.choices.join(", ")}`, {
    ...(meant === null ? {} : { hint: `did you mean ${meant}?` }),
  });
}

/** A flag typed twice is a mistake more often than a wish. */
function checkRepeats(tokens: readonly { kind: string; name?: string }[], flags: Flags): void {
  const seen = new Set<string>();
  for (const { kind, name } of tokens) {
    if (kind !== "option" || name === undefined || flags[name]?.multiple) continue;
    if (seen.has(name)) throw new KeywardError("usage", `--${name} is given twice`);
    seen.add(name);
  }
}

function checkWords(name: string, act: AnyAct, words: readonly string[]): void {
  const required = act.words.filter((word: string) => !word.startsWith("["));
  const missing = required[words.length];
  if (words.length < required.length) throw refuse(name, `${missing} is missing`);
  const open = act.words.some((word: string) => /\.\.\.\]?$/.test(word));
  const surplus = words[act.words.length];
  if (!open && surplus !== undefined)
    // A surplus word may be a secret that was typed by mistake: it is not repeated.
    throw refuse(
      name,
      act.tooMany ?? `there is a word too many, after ${act.words.join(" ") || "the command"}`,
    );
}

function refuse(name: string, message: string, hint?: string): KeywardError {
  return new KeywardError("usage", `${name}: ${message}`, {
    hint: hint ?? `see: keyward ${name} --help`,
  });
}
