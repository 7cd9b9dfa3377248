/**
 * The program's first file: finds the command in the table and loads it alone. It imports nothing heavy, so
 * that `keyward version` costs hardly more than starting the runtime.
 */
import { writeSync } from "node:fs";
import { version } from "../command/release.ts";
import { findCommand } from "./commands.ts";

// The executable, linked under the name of a program whose place it takes; bin/keyward does it for Node.
const [, called] = /(?:^|\/)(gokey|knife|secretary)$/.exec(process.argv0) ?? [];
const [first = "help", ...rest] = [...(called === undefined ? [] : [called]), ...process.argv.slice(2)];

if (isTooOld(process.versions.node)) {
  writeSync(2, `keyward: Node ${process.versions.node} is too old: 22.15 or newer is needed\n`);
  writeSync(2, "  hint: start it as bin/keyward, which picks the Node that npm ci installs\n");
  process.exitCode = 1;
} else if (isVersion(first) && rest.length === 0) {
  writeSync(1, `keyward ${version}\n`);
} else {
  start(first, rest);
}

function isVersion(word: string): boolean {
  return word === "version" || word === "--version" || word === "-V";
}

function isTooOld(node: string): boolean {
  const [major = 0, minor = 0] = node.split(".").map(Number);
  return major < 22 || (major === 22 && minor < 15);
}

async function start(name: string, words: readonly string[]): Promise<void> {
  const entry = findCommand(name);
  if (entry === null) {
    const { unknownCommand } = await import("./unknown.ts");
    process.exitCode = unknownCommand(name);
    return;
  }
  const { command } = await entry.load();
  process.exitCode = await command.run(words);
}
