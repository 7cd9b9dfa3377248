/**
 * Command: what can be typed. An act is one thing to do, with its words, flags, examples and the operations
 * that it may call; a noun is a group of acts (`keyward key put`). Help, completion and the checks of what was
 * typed are all made of these tables.
 */
import type { OperationName } from "../api/operations.ts";
import type { Session } from "./session.ts";
import type { World } from "./world.ts";

export interface Flag {
  readonly type: "string" | "boolean";
  readonly short?: string;
  /** May be given several times. */
  readonly multiple?: true;
  /** What stands for the value in help: `FILE`. */
  readonly value?: string;
  readonly help: string;
  /** The only values that are taken. */
  readonly choices?: readonly string[];
}

export type Flags = Readonly<Record<string, Flag>>;

type ValueOf<F extends Flag> = F extends { readonly type: "boolean" }
  ? boolean
  : F extends { readonly multiple: true }
    ? readonly string[]
    : F extends { readonly choices: readonly (infer C)[] }
      ? C
      : string;

/** What was typed, after the checks. */
export interface Typed<F extends Flags> {
  /** By the names of `words`; an optional word that was left out is absent. */
  readonly words: readonly string[];
  readonly flags: { readonly [N in keyof F]?: ValueOf<F[N]> };
  /** What follows `--`; absent when there was none. */
  readonly rest?: readonly string[];
}

export interface Act<F extends Flags = Flags, C extends OperationName = OperationName> {
  readonly summary: string;
  /** `NAME`, `[NODE]` for one that may be left out, `KEY...` for one or more. */
  readonly words: readonly string[];
  readonly flags: F;
  /** Operations that it calls; none: it needs no server. */
  readonly calls: readonly C[];
  /** It changes something here, whatever it calls: `--dry-run` is among its flags. */
  readonly changes?: true;
  readonly examples: readonly string[];
  /** Paragraphs for help. */
  readonly notes?: readonly string[];
  /** A word that begins with a dash and holds a colon is a query: `-tags:web`. */
  readonly queries?: true;
  /** What follows `--`, as help names it. Absent: nothing may. */
  readonly rest?: string;
  /** Says why there is no further word, where people often type one. */
  readonly tooMany?: string;
  /** @returns The exit status; 0 when it returns none. */
  run(session: Session<C>, typed: Typed<F>): Promise<number | undefined> | Promise<void>;
}

export interface Noun {
  readonly summary: string;
  readonly acts: Readonly<Record<string, AnyAct>>;
  /** What the bare noun does. */
  readonly bare?: AnyAct;
}

// biome-ignore lint/suspicious/noExplicitAny: an act of any flags and operations; `act` checks each
export type AnyAct = Act<any, any>;

export interface Runnable {
  readonly tree: AnyAct | Noun;
  /**
   * @param words - What was typed after the command's name.
   * @returns The exit status. Errors have been printed.
   */
  run(words: readonly string[], world?: World): Promise<number>;
}

/** Checks an act's own types; a table entry needs nothing else. */
export function act<const F extends Flags, const C extends OperationName>(spec: Act<F, C>): Act<F, C> {
  return spec;
}

export function isNoun(tree: AnyAct | Noun): tree is Noun {
  return "acts" in tree;
}
