/** Systemd: units started and stopped by systemctl(1). What a stop leaves behind is looked at, not believed. */
import { existsSync } from "node:fs";
import { KeywardError } from "../../base/errors.ts";
import type { DurationMs } from "../../base/time.ts";
import { callProgram } from "../host-program.ts";
import { type RunProgram, runProgram } from "../process.ts";

export interface Systemd {
  /** Does systemd run this machine? */
  isHere(): boolean;
  /** @throws KeywardError `local` when it does not start */
  start(unit: string): Promise<void>;
  /** Nothing to do when it is not loaded or does not run. @throws KeywardError `local` */
  stop(unit: string): Promise<void>;
  /** `false` also where there is no systemd. */
  isActive(unit: string): Promise<boolean>;
  /** Units are read anew. @throws KeywardError `local` */
  reload(): Promise<void>;
  /** From the next boot on. @param root - Of a system that does not run. @throws KeywardError `local` */
  enable(units: readonly string[], root?: string): Promise<void>;
  /** No more from the next boot on; nothing to do for those that are not there. @throws KeywardError `local` */
  disable(units: readonly string[], root?: string): Promise<void>;
}

const packages = "systemd";
/** As long as a database may take to start or to stop. */
const LIMIT = 90_000 as DurationMs;
/** systemctl(1): the unit is not loaded. */
const NOT_LOADED = 5;

export function createSystemd(run: RunProgram = runProgram, root = ""): Systemd {
  const call = (...words: string[]) => callProgram(run, ["systemctl", ...words], { packages, limit: LIMIT });

  return {
    isHere: () => existsSync(`${root}/run/systemd/system`),
    async start(unit) {
      const { status, said } = await call("start", "--", unit);
      if (status !== 0)
        throw new KeywardError("local", `unit ${unit}: did not start: ${said}`, {
          hint: `see: systemctl status ${unit}`,
        });
    },
    async stop(unit) {
      const { status, said } = await call("stop", "--", unit);
      if (status !== 0 && status !== NOT_LOADED)
        throw new KeywardError("local", `unit ${unit}: did not stop: ${said}`);
    },
    async isActive(unit) {
      if (!existsSync(`${root}/run/systemd/system`)) return false;
      return (await call("is-active", "--quiet", "--", unit)).status === 0;
    },
    async reload() {
      const { status, said } = await call("daemon-reload");
      if (status !== 0) throw new KeywardError("local", `systemd has not read its units anew: ${said}`);
    },
    async enable(units, root) {
      const { status, said } = await call(...below(root), "enable", "--", ...units);
      if (status === 0) return;
      throw new KeywardError("local", `not enabled: ${units.join(" ")}: ${said}`, {
        hint: `run: systemctl enable ${units.join(" ")}`,
      });
    },
    async disable(units, root) {
      const { status, said } = await call(...below(root), "disable", "--", ...units);
      if (status !== 0) throw new KeywardError("local", `not disabled: ${units.join(" ")}: ${said}`);
    },
  };
}

const below = (root: string | undefined): string[] => (root === undefined ? [] : [`--root=${root}`]);
