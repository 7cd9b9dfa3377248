/** `keyward help`: all commands, one command, or a page of its own. */
import { KeywardError } from "../../base/errors.ts";
import { closest } from "../../base/suggest.ts";
import { act } from "../../command/command.ts";
import { environment } from "../../command/environment.ts";
import { exitStatuses } from "../../command/exit-statuses.ts";
import { aligned, helpFor, section } from "../../command/help.ts";
import { printable } from "../../model/name.ts";
import { commands, findCommand } from "../commands.ts";
import { helpForAll } from "../overview.ts";
import { runnable } from "../run.ts";

const pages: Readonly<Record<string, () => string>> = {
  "exit-codes": () => `${section("Exit codes", aligned(Object.entries(exitStatuses)))}\n`,
  environment: () => `${section("Environment", aligned(Object.entries(environment)))}\n`,
};

export const command = runnable(
  "help",
  act({
    summary: "Help on a command, on exit codes or on the environment",
    words: ["[COMMAND]", "[ACT]"],
    flags: {},
    calls: [],
    examples: ["keyward help key put", "keyward help exit-codes", "keyward help environment"],
    async run({ world }, { words }) {
      world.stdout.write(await pageFor(words));
    },
  }),
);

async function pageFor([name, actName]: readonly string[]): Promise<string> {
  if (name === undefined) return helpForAll();
  const page = Object.hasOwn(pages, name) ? pages[name] : undefined;
  if (page !== undefined) return page();
  const entry = findCommand(name);
  const tree = (await entry?.load())?.command.tree;
  const text = entry === null || tree === undefined ? null : helpFor(entry.name, tree, actName);
  if (text !== null) return text;
  const known = [...commands.map((one) => one.name), ...Object.keys(pages)];
  const meant = closest(name, known);
  throw new KeywardError("usage", `no help on ${printable([name, actName].filter(Boolean).join(" "))}`, {
    hint: meant === null || meant === name ? "see: keyward help" : `did you mean: keyward help ${meant}?`,
  });
}
