/** What can be typed where, read from the tables: the ground of every shell's completion. */
import { type AnyAct, isNoun } from "../../command/command.ts";
import { flagsOf } from "../../command/flags.ts";
import { commands } from "../commands.ts";

/** What may follow one command, or one act of a noun. */
export interface Place {
  /** `key put`; empty at the top. */
  readonly path: string;
  /** The next word, and what it does. */
  readonly words: readonly (readonly [string, string])[];
  readonly flags: readonly FlagWord[];
}

export interface FlagWord {
  readonly name: string;
  readonly short?: string;
  readonly help: string;
  readonly takesValue: boolean;
  /** A file's name is wanted. */
  readonly takesFile: boolean;
  readonly choices: readonly string[];
}

/** Loads every command. */
export async function wordsOfAll(): Promise<Place[]> {
  const places: Place[] = [
    { path: "", words: commands.map(({ name, summary }) => [name, summary] as const), flags: [] },
  ];
  for (const entry of commands) {
    const { tree } = (await entry.load()).command;
    if (!isNoun(tree)) {
      places.push(placeOf(entry.name, tree));
      continue;
    }
    const acts = Object.entries(tree.acts);
    const flags = tree.bare === undefined ? [] : placeOf(entry.name, tree.bare).flags;
    places.push({
      path: entry.name,
      words: acts.map(([name, { summary }]) => [name, summary] as const),
      flags,
    });
    for (const [name, act] of acts) places.push(placeOf(`${entry.name} ${name}`, act));
  }
  return places;
}

function placeOf(path: string, act: AnyAct): Place {
  const flags = Object.entries(flagsOf(act)).map(
    ([name, flag]): FlagWord => ({
      name,
      ...(flag.short === undefined ? {} : { short: flag.short }),
      help: flag.help,
      takesValue: flag.type === "string",
      takesFile: flag.value === "FILE" || flag.value === "DIR",
      choices: flag.choices ?? [],
    }),
  );
  return { path, words: wordsOf(path), flags };
}

/** Words that are one of a few. */
function wordsOf(path: string): Place["words"] {
  if (path === "completion") return ["bash", "zsh", "fish"].map((shell) => [shell, ""] as const);
  if (path === "help") return commands.map(({ name, summary }) => [name, summary] as const);
  return [];
}
