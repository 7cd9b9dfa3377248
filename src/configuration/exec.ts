/** Runs a program with its sealed values opened: all at once, and not at all when one fails. */
import { constants } from "node:os";
import { type RunForeground, runForeground } from "../adapters/foreground.ts";
import type { End } from "../adapters/process.ts";
import { fromUtf8, utf8 } from "../base/bytes.ts";
import { KeywardError } from "../base/errors.ts";
import { type Entry, entriesOf } from "../command/environ.ts";
import type { World } from "../command/world.ts";
import { findEnvelopes, replaceEnvelopes } from "../formats/secretary/recognise.ts";
import { printable } from "../model/name.ts";
import { childEnvironment } from "./child-environment.ts";
import { openEnvironment } from "./open-environment.ts";
import { allOrNone, type Opener, type Outcome, type Wanted } from "./opener.ts";

export interface ExecNeeds {
  /** The program and its arguments. */
  readonly argv: readonly string[];
  /** Variables to open; absent: all that hold envelopes. */
  readonly only?: readonly string[];
  /** Refuse rather than pass an envelope on, or find a variable of `only` without one. */
  readonly strict: boolean;
  /** The operator knows that arguments can be seen by others. */
  readonly allowArguments: boolean;
  /** Variables that hold keys besides the usual ones. */
  readonly keyVariables: readonly string[];
}

/** @returns The program's exit status, or 128 and the signal's number; 126 or 127 when it could not be started. */
export async function runOpened(
  needs: ExecNeeds,
  opener: Opener,
  world: World,
  run: RunForeground = runForeground,
): Promise<number> {
  const entries = entriesOf(world);
  const chosen = chooseEntries(entries, needs);
  const sealedArguments = needs.argv.map((text) => findEnvelopes(text));
  warnOfArguments(sealedArguments.flat().length, needs, world);
  const { environment, argv } = await openBoth(needs, entries, chosen, opener);
  opener.close();
  return statusOf(await run({ argv, environment, cwd: world.cwd }), needs.argv[0] ?? "", world);
}

function chooseEntries(entries: readonly Entry[], { only, strict }: ExecNeeds): readonly Entry[] {
  const sealed = entries.filter(({ latin1 }) => findEnvelopes(latin1).length > 0);
  if (only === undefined) return sealed;
  if (strict) {
    const missing = only.find((name) => !sealed.some((entry) => entry.name === name));
    if (missing !== undefined)
      throw new KeywardError("usage", `variable ${printable(missing)}: holds no sealed value`);
    const left = sealed.find(({ name }) => !only.includes(name));
    if (left !== undefined)
      throw new KeywardError("usage", `variable ${printable(left.name)}: sealed, and not among --only`, {
        hint: "name it too, or leave --strict out to pass it on sealed",
      });
  }
  return sealed.filter(({ name }) => only.includes(name));
}

function warnOfArguments(count: number, { strict, allowArguments }: ExecNeeds, { stderr }: World): void {
  if (count === 0 || allowArguments) return;
  const hint =
    "others on this machine can read arguments while the program runs: prefer a variable, or --allow-arguments";
  if (strict) throw new KeywardError("usage", "an argument holds a sealed value", { hint });
  stderr.write(`keyward: warning: a sealed value is opened into an argument\n  hint: ${hint}\n`);
}

/** One batch for variables and arguments together. */
async function openBoth(
  { argv, keyVariables }: ExecNeeds,
  entries: readonly Entry[],
  chosen: readonly Entry[],
  opener: Opener,
): Promise<{ environment: Record<string, string>; argv: readonly string[] }> {
  const inArguments = argv.flatMap((text, i) =>
    findEnvelopes(text).map(({ envelope }) => ({ envelope, variable: "", what: `argument ${i}` })),
  );
  let outcomes: readonly Outcome[] = [];
  // Asks once for all, and keeps what belongs to the arguments.
  const both: Opener = {
    async openAll(wanted: readonly Wanted[]) {
      const all = await opener.openAll([...wanted, ...inArguments]);
      outcomes = all.slice(wanted.length);
      return all.slice(0, wanted.length);
    },
    close() {},
  };
  const opened = await openEnvironment(chosen, both);
  const environment = childEnvironment(entries, opened, keyVariables);
  return { environment, argv: replaceArguments(argv, outcomes) };
}

function replaceArguments(argv: readonly string[], outcomes: readonly Outcome[]): readonly string[] {
  const values = [...allOrNone(outcomes)];
  return argv.map((text, i) => {
    const found = findEnvelopes(text);
    if (found.length === 0) return text;
    const bytes = utf8(text);
    const places = findEnvelopes(Buffer.from(bytes).toString("latin1"));
    const own = values.splice(0, found.length);
    using whole = replaceEnvelopes(
      bytes,
      places,
      own.map((value) => value.reveal()),
    );
    for (const value of own) value.wipe();
    if (whole.reveal().includes(0))
      throw new KeywardError("usage", `argument ${i}: a NUL byte, which no argument can hold`);
    return fromUtf8(whole.reveal(), `argument ${i}`);
  });
}

/** As a shell has it (IEEE Std 1003.1, section 2.8.2). */
function statusOf(end: End, name: string, { stderr }: World): number {
  switch (end.kind) {
    case "exited":
      return end.status;
    case "killed":
      return 128 + (constants.signals[end.signal as NodeJS.Signals] ?? 0);
    case "not-started": {
      const why = end.code === "ENOENT" ? "no such program" : `cannot be run (${end.code})`;
      stderr.write(`keyward: ${printable(name)}: ${why}\n`);
      return end.code === "ENOENT" ? 127 : 126;
    }
    case "timeout":
      return 124;
  }
}
