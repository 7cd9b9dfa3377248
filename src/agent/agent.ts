/**
 * Agent: what runs on a node. It enrols, watches the server, puts keys in place in one step, proves what it
 * holds, withdraws what is no longer granted, and goes on without a server for as long as each grant allows.
 */
import { assembleCore } from "./core.ts";
import type { Summary } from "./engine.ts";
import { runForLong } from "./long-run.ts";
import { runOnce } from "./once.ts";
import { type AgentOptions, type AgentParts, joined, withSetup } from "./setup.ts";

export type { Summary } from "./engine.ts";
export type { Joining } from "./enrol.ts";
export type { AgentLog } from "./log.ts";
export { systemWait, type Wait } from "./pace.ts";
export type { AgentOptions, AgentParts } from "./setup.ts";

export const DEFAULT_KEY_DIRECTORY = "/run/keyward/keys";
export const DEFAULT_STATE_DIRECTORY = "/var/lib/keyward-agent";

export interface Agent {
  /**
   * Until the signal ends it. What can pass (no server, no approval yet) is waited out.
   *
   * @throws KeywardError `busy` when another agent has the state directory; `local`; `integrity` when the server
   *   presents another CA; whatever a join token is refused with.
   */
  run(signal: AbortSignal): Promise<void>;

  /**
   * Ask once, apply, report: for cron and images. Without a server, what may be used is installed all the same.
   *
   * @throws KeywardError `unreachable` and the like after that; as `run`; `denied` while approval is awaited.
   */
  once(signal: AbortSignal): Promise<Summary>;
}

export function createAgent(options: AgentOptions, parts: AgentParts): Agent {
  return {
    run: (signal) =>
      withSetup({ options, parts, once: false, signal }, async (setup) => {
        const membership = await joined(setup);
        if (membership === null) return;
        const core = assembleCore(setup, membership);
        await core.recover();
        core.volumes.start();
        try {
          await runForLong(setup, core, membership);
        } finally {
          // What is under way at a disk ends, rather than being broken off.
          await core.volumes.settled();
        }
      }),
    once: (signal) =>
      withSetup({ options, parts, once: true, signal }, async (setup) => {
        const membership = await joined(setup);
        if (membership === null) return { installed: 0, withdrawn: 0, failures: [] };
        const core = assembleCore(setup, membership);
        await core.recover();
        return await runOnce(setup, core, membership);
      }),
  };
}
