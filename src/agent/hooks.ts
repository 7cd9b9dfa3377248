/**
 * Hooks: what a grant wants run after its file changed. One argument list runs once for a change, whoever wants
 * it, after all files are in place. Values do not get into the log, even when a hook prints them.
 */
import type { End, RunProgram } from "../adapters/adapters.ts";
import type { Secret } from "../base/secret.ts";
import { type DurationMs, formatDuration } from "../base/time.ts";
import type { KeyName } from "../model/name.ts";
import { printable } from "../model/name.ts";
import type { AgentLog } from "./log.ts";

export interface Hook {
  readonly argv: readonly string[];
  /** Whose change it follows, sorted. */
  readonly keys: readonly KeyName[];
}

export interface HookResult {
  readonly hook: Hook;
  /** `null` when it ended with status 0. Never holds output. */
  readonly failure: string | null;
}

export type RunHooks = (hooks: readonly Hook[], values: readonly Secret[]) => Promise<HookResult[]>;

export const HOOK_LIMIT = 30_000 as DurationMs;
/** Bytes of output to look at, and characters of it to log. */
const KEEP = 65_536;
const LOGGED = 2048;
/** UTF-16 units: at most 96 KiB as UTF-8. */
const LONGEST = 32_768;

/** The same argument list once, with all keys that want it. */
export function hooksOf(
  files: Iterable<{ readonly run?: readonly string[]; readonly key: KeyName }>,
): Hook[] {
  const hooks = new Map<string, { argv: readonly string[]; keys: Set<KeyName> }>();
  for (const { run, key } of files) {
    if (run === undefined) continue;
    const same = hooks.get(JSON.stringify(run));
    if (same === undefined) hooks.set(JSON.stringify(run), { argv: run, keys: new Set([key]) });
    else same.keys.add(key);
  }
  return [...hooks.values()].map(({ argv, keys }) => ({ argv, keys: [...keys].sort() }));
}

/** One after the other, in the order given; one that fails does not stop the next. */
export function createHooks(parts: { run: RunProgram; log: AgentLog; limit: DurationMs }): RunHooks {
  const { run, log, limit } = parts;
  return async (hooks, values) => {
    const results: HookResult[] = [];
    for (const hook of hooks) {
      const environment = { KEYWARD_KEYS: namesOf(hook) };
      const { end, output } = await run({ argv: hook.argv, environment, limit, keep: KEEP });
      const failure = failureOf(end);
      const said = scrub(Buffer.from(output).toString("utf8"), values, output.byteLength === KEEP);
      const line = { hook: printable(hook.argv[0] ?? ""), keys: environment.KEYWARD_KEYS, said };
      if (failure === null) log.info(line, "hook ended");
      else log.warn({ ...line, failure }, "hook failed");
      results.push({ hook, failure });
    }
    return results;
  };
}

/** A system takes no environment variable of more than 128 KiB: whole names, as many as fit. */
function namesOf({ keys }: Hook): string {
  const all = keys.join(" ");
  return all.length <= LONGEST ? all : all.slice(0, all.lastIndexOf(" ", LONGEST));
}

function failureOf(end: End): string | null {
  switch (end.kind) {
    case "exited":
      return end.status === 0 ? null : `hook ended with status ${end.status}`;
    case "killed":
      return `hook was ended by ${end.signal}`;
    case "timeout":
      return `hook took longer than ${formatDuration(end.limit)} and was killed`;
    case "not-started":
      return `hook could not be started (${end.code})`;
  }
}

/** Shorter lines of a value are too common to be recognised as one. */
const SHORTEST = 4;

/**
 * The text without the values, as they are, line by line, in base64 and in hexadecimal.
 *
 * @param cut - The text goes on: its end may be the beginning of a value, and is left out.
 * @returns At most 2,048 characters.
 */
export function scrub(text: string, values: readonly Secret[], cut = false): string {
  const forms = values.flatMap(formsOf).sort((a, b) => b.length - a.length);
  let clean = text;
  for (const form of forms) clean = clean.replaceAll(form, "[secret]");
  if (cut) clean = clean.slice(0, Math.max(0, clean.length - (forms[0]?.length ?? 0)));
  return clean
    .slice(0, LOGGED)
    .replace(/[\p{Cc}\p{Cf}]+/gu, " ")
    .trim();
}

function formsOf(value: Secret): string[] {
  const bytes = Buffer.from(value.reveal());
  const text = bytes.toString("utf8");
  const whole = [text, text.trim(), bytes.toString("hex"), bytes.toString("base64").replace(/=+$/, "")];
  const lines = text.split("\n").map((line) => line.trim());
  return [...whole, ...lines.filter((line) => line.length >= SHORTEST)].filter((form) => form !== "");
}
