/** Schedule: what the server does by itself, and what it does when everyone has proved a rotation's new version. */
import type { Caller } from "../audit/audit.ts";
import { isKeywardError } from "../base/errors.ts";
import type { Parts } from "./parts.ts";

export interface Schedule {
  stop(): void;
}

const SWEEP_MS = 30_000;
/** Sweeps; once an hour. */
const TEND_EVERY = 120;
const caller: Caller = { by: { kind: "system", name: "schedule" } };

/** @param renew - The server's certificate, when it is time. */
export function startSchedule(parts: Parts, renew: () => Promise<void>): Schedule {
  const { keyring, fleet, authority, rootKey, clock, log } = parts;
  let turns = 0;

  async function promote(...[key, version]: Parameters<Parameters<typeof fleet.onProved>[0]>): Promise<void> {
    try {
      await keyring.promote(caller, key, version);
    } catch (error) {
      // destroyed or rolled back meanwhile: there is nothing left to do
      if (isKeywardError(error, "not-found") || isKeywardError(error, "conflict")) return;
      log.error({ key, error: String(error) }, "rotation not finished");
      throw error;
    }
  }

  async function turn(): Promise<void> {
    if (rootKey.state !== "unsealed") return;
    await attempt("sweep", () => keyring.sweep(clock(), fleet.opensVolume));
    await attempt("renewal", renew);
    if (turns++ % TEND_EVERY === 0) await attempt("tending", () => authority.tend());
  }

  async function attempt(what: string, work: () => Promise<unknown>): Promise<void> {
    try {
      await work();
    } catch (error) {
      log.error({ error: String(error) }, `${what} failed`);
    }
  }

  const end = fleet.onProved(promote);
  const timer = setInterval(() => void turn(), SWEEP_MS);
  timer.unref();
  return {
    stop() {
      end();
      clearInterval(timer);
    },
  };
}
