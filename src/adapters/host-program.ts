/** Host program: one call of a program of the host, whose exit status decides. */
import { existsSync } from "node:fs";
import { KeywardError } from "../base/errors.ts";
import type { DurationMs } from "../base/time.ts";
import { printable } from "../model/name.ts";
import type { RunProgram } from "./process.ts";

export interface Said {
  readonly status: number;
  readonly stdout: string;
  /** The last line of what it said, for a person. */
  readonly said: string;
}

/**
 * @param packages - What to install when it is not there.
 * @throws KeywardError `local` when it cannot be started or was killed; `timeout`.
 */
export async function callProgram(
  run: RunProgram,
  argv: readonly string[],
  { packages, limit = 60_000 as DurationMs }: { readonly packages: string; readonly limit?: DurationMs },
): Promise<Said> {
  const name = `${argv[0]} ${argv[1] ?? ""}`.trim();
  const environment = { LC_ALL: "C", ...(hasUdev() ? {} : { DM_DISABLE_UDEV: "1" }) };
  const { end, output, stdout } = await run({ argv, environment, limit, keep: 1_048_576, apart: true });
  const text = Buffer.from(stdout ?? []).toString("utf8");
  if (end.kind === "exited") return { status: end.status, stdout: text, said: lastLine(output) };
  if (end.kind === "timeout") throw new KeywardError("timeout", `${name}: not done after ${limit / 1000} s`);
  if (end.kind === "killed") throw new KeywardError("local", `${name}: killed by ${end.signal}`);
  throw new KeywardError("local", `${argv[0]} is not there (${end.code})`, {
    hint: `install it: on Debian, ${packages}`,
  });
}

/** Without udev nobody makes device files, or answers the waits of device-mapper. */
export function hasUdev(): boolean {
  return existsSync("/run/udev/control");
}

function lastLine(output: Uint8Array): string {
  const line = Buffer.from(output).toString("utf8").trim().split("\n").at(-1) ?? "";
  return printable(line.slice(0, 300));
}
