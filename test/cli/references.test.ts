import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { findCommand } from "../../src/cli/commands.ts";
import { type AnyAct, isNoun } from "../../src/command/command.ts";
import { flagsOf } from "../../src/command/flags.ts";

const root = path.join(import.meta.dirname, "../..");

/** Pages, and sources whose errors name the next command. */
const files = [
  ...readdirSync(root).filter((name) => name.endsWith(".md")),
  ...below("docs", ".md"),
  ...below("src", ".ts").filter((name) => !name.includes(".test.")),
];

function below(folder: string, end: string): string[] {
  const names = readdirSync(path.join(root, folder), { recursive: true, encoding: "utf8" });
  return names.filter((name) => name.endsWith(end)).map((name) => path.join(folder, name));
}

/** What follows `keyward` where a command is meant: in backquotes, after "run:", at a prompt. */
function* commandsIn(text: string): Generator<string> {
  for (const [, command = ""] of text.matchAll(
    /(?:`|run: |^\$ (?:bin\/)?|^(?:bin\/)?)keyward ([a-z][^`"\n;|)<]*)/gm,
  ))
    yield command.trim();
}

/** Commands that take another program's flags, which its own tests try. */
const others = ["gokey", "knife", "secretary"];

/** What is wrong with it, or `null`. */
async function problemOf(command: string): Promise<string | null> {
  const [name = "", second = "", ...rest] = command.split(/[\s,]+/);
  const tree = (await findCommand(name)?.load())?.command.tree;
  if (tree === undefined) return "no such command";
  if (others.includes(name)) return null;
  const named = isNoun(tree) ? (tree.acts[second] ?? null) : tree;
  const act: AnyAct | null | undefined = named ?? (isNoun(tree) ? tree.bare : null);
  const wordMeant = /^[a-z]+$/.test(second) && isNoun(tree);
  if (named === null && wordMeant) return "no such act";
  if (act === null || act === undefined) return null;
  const end = rest.indexOf("--");
  const flags = [second, ...(end < 0 ? rest : rest.slice(0, end))].flatMap(
    (word) => /^--([a-z-]+)/.exec(word)?.[1] ?? [],
  );
  const unknown = flags.find((flag) => flagsOf(act)[flag] === undefined);
  return unknown === undefined ? null : `no flag --${unknown}`;
}

test("every command that a page or a hint names is there, with its flags", async () => {
  const problems: string[] = [];
  let count = 0;
  for (const file of files) {
    for (const command of commandsIn(readFileSync(path.join(root, file), "utf8"))) {
      const problem = await problemOf(command);
      count++;
      if (problem !== null) problems.push(`${file}: ${problem}: keyward ${command}`);
    }
  }
  assert.deepEqual(problems, []);
  assert.ok(count > 20);
});

test("a command that is not there is found", async () => {
  assert.equal(await problemOf("key destory x"), "no such act");
  assert.equal(await problemOf("kye get x"), "no such command");
  assert.equal(await problemOf("key get x --revael"), "no flag --revael");
  assert.equal(await problemOf("grant add k --to q -- p --any"), null);
});
