import assert from "node:assert/strict";
import { test } from "node:test";
import { type Operation, type OperationName, operations } from "../../src/api/operations.ts";
import { KeywardError } from "../../src/base/errors.ts";
import { commands } from "../../src/cli/commands.ts";
import { shells } from "../../src/cli/completion/shells.ts";
import { wordsOfAll } from "../../src/cli/completion/words.ts";
import { helpForAll } from "../../src/cli/overview.ts";
import { type AnyAct, isNoun } from "../../src/command/command.ts";
import { exitStatuses } from "../../src/command/exit-statuses.ts";
import { flagsOf } from "../../src/command/flags.ts";
import { helpForAct } from "../../src/command/help.ts";

/** `key put` and its act, for everything that can be typed. */
const acts: [string, AnyAct][] = [];
for (const entry of commands) {
  const { tree } = (await entry.load()).command;
  if (!isNoun(tree)) acts.push([entry.name, tree]);
  else {
    if (tree.bare !== undefined) acts.push([entry.name, tree.bare]);
    for (const [name, act] of Object.entries(tree.acts)) acts.push([`${entry.name} ${name}`, act]);
  }
}

/** What only an agent calls, or a program that speaks HTTP. */
const notTyped: readonly OperationName[] = [
  "agent.enrol",
  "agent.renew",
  "agent.watch",
  "agent.bundle",
  "agent.unlock",
  "agent.escrow",
  "agent.pillar",
  "agent.report",
  "key.text",
];

test("every operation is reachable from some command, but for those of agents and other programs", () => {
  const called = new Set(acts.flatMap(([, act]) => act.calls as OperationName[]));
  const all = Object.keys(operations) as OperationName[];
  assert.deepEqual(
    all.filter((operation) => !called.has(operation)),
    notTyped.toSorted((a, b) => all.indexOf(a) - all.indexOf(b)),
  );
});

test("every command shows an example that begins with what it is called", () => {
  for (const [name, act] of acts) {
    const help = helpForAct(name, act);
    const own = act.examples.filter((example: string) =>
      new RegExp(`(^|\\| )keyward ${name}( |$)`).test(example),
    );
    assert.ok(own.length > 0, name);
    for (const example of act.examples) assert.ok(help.includes(example), `${name}: ${example}`);
  }
});

test("every change takes --dry-run, and nothing else does", () => {
  for (const [name, act] of acts) {
    const calls = (act.calls as OperationName[]).some(
      (one) => (operations[one] as Operation).changes === true,
    );
    const changes = calls || act.changes === true;
    // init changes something without a server.
    assert.equal("dry-run" in flagsOf(act), changes || name === "init", name);
  }
});

test("of a seed and its realms, what has no --dry-run only looks", () => {
  const without = acts.filter(([name, act]) => /^(?:seed|realm) /.test(name) && !("dry-run" in flagsOf(act)));
  assert.deepEqual(
    without.map(([name]) => name),
    ["realm list", "realm show", "seed show"],
  );
});

test("every command takes -o", () => {
  for (const [name, act] of acts) assert.equal(flagsOf(act).output?.short, "o", name);
});

test("no flag takes a secret as its value", () => {
  for (const [name, act] of acts)
    for (const flag of Object.keys(flagsOf(act)))
      assert.doesNotMatch(flag, /^(?:token|password|passphrase|secret|value)$/, `${name} --${flag}`);
});

test("the overview names every command", () => {
  const overview = helpForAll();
  for (const { name, summary } of commands)
    assert.match(overview, new RegExp(`^  ${name} +${summary}$`, "m"));
});

test("completion knows every command, act and flag, in each shell", async () => {
  const places = await wordsOfAll();
  assert.deepEqual(
    places.map((place) => place.path).filter((path) => acts.some(([name]) => name === path)),
    [...new Set(acts.map(([name]) => name))],
  );
  for (const [shell, write] of Object.entries(shells)) {
    const script = write(places);
    for (const [name, act] of acts) {
      assert.ok(script.includes(`'${name}'`), `${shell}: ${name}`);
      for (const flag of Object.keys(flagsOf(act)))
        assert.match(script, new RegExp(`(?:--|-l )${flag}\\b`), `${shell}: --${flag}`);
    }
  }
});

test("flags of one command do not clash with the shared ones", () => {
  for (const [name, act] of acts) {
    const shorts = Object.values(flagsOf(act)).flatMap((flag) => flag.short ?? []);
    assert.equal(new Set(shorts).size, shorts.length, name);
  }
});

test("every exit status of an error is explained", () => {
  for (const code of [
    "usage",
    "internal",
    "not-found",
    "denied",
    "unreachable",
    "conflict",
    "integrity",
  ] as const)
    assert.ok(exitStatuses[String(new KeywardError(code, "").exitStatus)]);
});
