/**
 * Due hooks: runs what has not run since its file changed, beside everything else, so that a slow program holds
 * up neither the next change nor a withdrawal. One at a time: a program is never run beside itself.
 */
import { isKeywardError } from "../base/errors.ts";
import { canonicalJson } from "../base/json.ts";
import type { Holdings } from "./holdings.ts";
import { type HookResult, hooksOf, type RunHooks } from "./hooks.ts";
import type { Installed, InstalledFile } from "./installed.ts";
import type { AgentLog } from "./log.ts";
import type { Failure } from "./wanted.ts";

export interface DueHooks {
  /** Run what is due; what becomes due meanwhile runs after it. */
  start(): void;
  /** Once nothing runs any more. @returns What failed since it was asked last. */
  settled(): Promise<readonly Failure[]>;
  /** Start nothing more. What is under way counts as not run: it runs again on the next start. */
  close(): void;
}

export interface DueHooksParts {
  readonly installed: Installed;
  readonly holdings: Holdings;
  readonly runHooks: RunHooks;
  readonly onFailures: (failures: readonly Failure[]) => void;
  readonly log: AgentLog;
}

export function createDueHooks(parts: DueHooksParts): DueHooks {
  const { installed, holdings, runHooks, onFailures, log } = parts;
  let running: Promise<void> | null = null;
  let closed = false;
  let failed: Failure[] = [];

  const dueNow = (): InstalledFile[] => [...installed.files.values()].filter(({ due }) => due);

  async function work(): Promise<void> {
    for (let due = dueNow(); due.length > 0 && !closed; due = dueNow()) {
      const values = due.flatMap(({ path }) => holdings.valueAt(path) ?? []);
      const results = await runHooks(hooksOf(due), values);
      for (const value of values) value.wipe();
      if (closed) return;
      for (const file of due) settle(file);
      keep();
      tell(results.flatMap((result) => failuresOf(result, due)));
    }
  }

  /** What has changed again meanwhile stays due. */
  function settle(ran: InstalledFile): void {
    const now = installed.files.get(ran.path);
    if (now !== undefined && stampOf(now) === stampOf(ran)) installed.put({ ...now, due: false });
  }

  /** A disk that is full must not end the agent: the next change writes it down. */
  function keep(): void {
    try {
      installed.save();
    } catch (error) {
      if (!isKeywardError(error)) throw error;
      log.error({ code: error.code, reason: error.message }, "failed");
    }
  }

  function tell(failures: readonly Failure[]): void {
    if (failures.length === 0) return;
    failed.push(...failures);
    onFailures(failures);
  }

  return {
    start() {
      if (closed) return;
      running ??= work().finally(() => {
        running = null;
      });
    },
    async settled() {
      while (running !== null) await running;
      const told = failed;
      failed = [];
      return told;
    },
    close() {
      closed = true;
    },
  };
}

/** Which content lies there, and what its grant wants run. */
function stampOf({ current, run }: InstalledFile): string {
  return canonicalJson([current, run ?? null]);
}

function failuresOf({ hook, failure }: HookResult, due: readonly InstalledFile[]): Failure[] {
  if (failure === null) return [];
  const files = due.filter(({ key }) => hook.keys.includes(key));
  return files.map(({ key, path }) => ({ key, path, message: failure }));
}
