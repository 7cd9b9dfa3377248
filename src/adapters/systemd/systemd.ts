/** Systemd: units started and stopped by systemctl(1). What a stop leaves behind is looked at, not believed. */
import { existsSync, readFileSync } from "node:fs";
import { setTimeout as wait } from "node:timers/promises";
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
  /** Begun, and not waited for. @throws KeywardError `local` */
  begin(unit: string): Promise<void>;
  /** As `start`; one that hangs while it starts is ended, and started once more. @throws as `start` */
  startAnew(unit: string): Promise<void>;
  /** `false` also where there is no systemd. */
  isActive(unit: string): Promise<boolean>;
  /** As systemctl(1) calls it: `active`, `activating`, `inactive`, `failed` …; `null` where there is no systemd. */
  stateOf(unit: string): Promise<string | null>;
  /** Does `/etc/crypttab` have this volume? Then systemd opens it. */
  hasVolume(name: string): boolean;
  /** Does `/etc/fstab` have this directory? Then systemd mounts it. */
  hasMount(point: string): boolean;
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
const LOOK_MS = 200;
/** systemctl(1): the unit is not loaded. */
const NOT_LOADED = 5;

/** @param patience - Milliseconds after which a unit that still starts hangs. */
export function createSystemd(run: RunProgram = runProgram, root = "", patience = 10_000): Systemd {
  const call = (...words: string[]) => callProgram(run, ["systemctl", ...words], { packages, limit: LIMIT });

  async function started(unit: string, ...words: string[]): Promise<void> {
    const { status, said } = await call(...words, "--", unit);
    if (status !== 0)
      throw new KeywardError("local", `unit ${unit}: did not start: ${said}`, {
        hint: `see: systemctl status ${unit}`,
      });
  }

  const systemd: Systemd = {
    isHere: () => existsSync(`${root}/run/systemd/system`),
    start: (unit) => started(unit, "start"),
    begin: (unit) => started(unit, "start", "--no-block"),
    async startAnew(unit) {
      await systemd.begin(unit);
      for (let waited = 0; waited < patience; waited += LOOK_MS) {
        const state = await systemd.stateOf(unit);
        if (state === "active") return;
        if (state !== "activating") break;
        await wait(LOOK_MS);
      }
      // A kill ends what runs and is nothing to one that has started meanwhile; a restart would stop it.
      await call("kill", "--", unit);
      await systemd.start(unit);
    },
    async stop(unit) {
      const { status, said } = await call("stop", "--", unit);
      if (status !== 0 && status !== NOT_LOADED)
        throw new KeywardError("local", `unit ${unit}: did not stop: ${said}`);
    },
    async isActive(unit) {
      if (!systemd.isHere()) return false;
      return (await call("is-active", "--quiet", "--", unit)).status === 0;
    },
    async stateOf(unit) {
      if (!systemd.isHere()) return null;
      return (await call("show", "--value", "--property=ActiveState", "--", unit)).stdout.trim();
    },
    hasVolume: (name) => systemd.isHere() && rows(`${root}/etc/crypttab`).some(([first]) => first === name),
    hasMount: (point) =>
      systemd.isHere() &&
      rows(`${root}/etc/fstab`).some(([, second]) => second?.replace(/(?<=.)\/+$/, "") === point),
    async reload() {
      const { status, said } = await call("daemon-reload");
      if (status !== 0) throw new KeywardError("local", `systemd has not read its units anew: ${said}`);
    },
    async enable(units, root) {
      const { status, said } = await call(...below(root), "enable", "--", ...units);
      if (status === 0) return;
      throw new KeywardError("local", `not enabled: ${units.join(" ")}: ${said}`, {
        hint: `run: systemctl ${[...below(root), "enable", ...units].join(" ")}`,
      });
    },
    async disable(units, root) {
      const { status, said } = await call(...below(root), "disable", "--", ...units);
      if (status !== 0) throw new KeywardError("local", `not disabled: ${units.join(" ")}: ${said}`);
    },
  };
  return systemd;
}

/** The fields of a table's lines; none where there is no such file. */
function rows(path: string): string[][] {
  try {
    return readFileSync(path, "utf8")
      .split("\n")
      .flatMap((line) => (/^\s*(?:#|$)/.test(line) ? [] : [line.trim().split(/\s+/)]));
  } catch {
    return [];
  }
}

const below = (root: string | undefined): string[] => (root === undefined ? [] : [`--root=${root}`]);
