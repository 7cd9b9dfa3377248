/** Runs what was typed: finds the act, checks the words, gives help, prints errors, ends with a status. */
import { KeywardError } from "../base/errors.ts";
import { closest } from "../base/suggest.ts";
import { type AnyAct, type Flags, isNoun, type Noun, type Runnable, type Typed } from "../command/command.ts";
import { report } from "../command/errors.ts";
import { helpForAct, helpForNoun } from "../command/help.ts";
import { parseTyped } from "../command/parse.ts";
import { createSession, formatOf } from "../command/session.ts";
import type { World } from "../command/world.ts";
import { printable } from "../model/name.ts";
import { systemWorld } from "./system-world.ts";

/** @param name - The command's name in the table. */
export function runnable(name: string, tree: AnyAct | Noun): Runnable {
  return {
    tree,
    async run(words, world = systemWorld()) {
      try {
        return await runTree(name, tree, words, world);
      } catch (error) {
        return report(error, world, wantedFormat(words, world));
      }
    },
  };
}

async function runTree(
  name: string,
  tree: AnyAct | Noun,
  words: readonly string[],
  world: World,
): Promise<number> {
  if (!isNoun(tree)) return await runAct(name, tree, words, world);
  const [first, ...rest] = words;
  const act = first === undefined ? undefined : own(tree.acts, first);
  if (act !== undefined) return await runAct(`${name} ${first}`, act, rest, world);
  if (isHelp(first) || (first === undefined && tree.bare === undefined)) {
    (first === undefined ? world.stderr : world.stdout).write(helpForNoun(name, tree));
    return first === undefined ? 1 : 0;
  }
  if (tree.bare !== undefined && (first === undefined || first.startsWith("-")))
    return await runAct(name, tree.bare, words, world);
  throw unknownAct(name, tree, first ?? "");
}

function own(acts: Noun["acts"], name: string): AnyAct | undefined {
  return Object.hasOwn(acts, name) ? acts[name] : undefined;
}

function isHelp(word: string | undefined): boolean {
  return word === "--help" || word === "-h" || word === "help";
}

async function runAct(name: string, act: AnyAct, words: readonly string[], world: World): Promise<number> {
  const typed: Typed<Flags> = parseTyped(name, act, words);
  if (typed.flags.help !== undefined) {
    world.stdout.write(helpForAct(name, act));
    return 0;
  }
  const session = createSession(act.calls, typed.flags, world);
  try {
    return (await act.run(session, typed)) ?? 0;
  } finally {
    session.progress.end();
    await session.close();
  }
}

function unknownAct(name: string, noun: Noun, typed: string): KeywardError {
  const meant = closest(typed, Object.keys(noun.acts));
  return new KeywardError("usage", `${name}: no command ${printable(typed)}`, {
    hint:
      meant === null
        ? `there are: ${Object.keys(noun.acts).join(", ")}`
        : `did you mean: keyward ${name} ${meant}?`,
  });
}

/** For errors: what was typed may itself be what is wrong, so this looks for the flag by hand. */
function wantedFormat(words: readonly string[], world: World): string {
  const at = words.findIndex((word) => word === "-o" || word === "--output");
  const flag =
    at >= 0 ? words[at + 1] : words.map((word) => /^(?:-o|--output=)(.+)/.exec(word)?.[1]).find(Boolean);
  try {
    return formatOf(flag === undefined ? {} : { output: flag }, world);
  } catch {
    return "table";
  }
}
