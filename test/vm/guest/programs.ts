/** Programs of the guest, as a unit of its service manager would run them. */
import { spawnSync } from "node:child_process";

export interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** To its end. @param input - Standard input; none when it is absent. */
export function run(argv: readonly string[], input?: Uint8Array): Ended {
  const [name = "", ...words] = argv;
  const { status, stdout, stderr, error } = spawnSync(name, words, {
    encoding: "utf8",
    timeout: 180_000,
    ...(input === undefined ? {} : { input }),
  });
  return { status, stdout, stderr: error === undefined ? stderr : `${stderr}${error.message}` };
}

/** What it printed. @throws Error when it ends otherwise than with 0: what it said is in it, never its output. */
export function succeed(...argv: readonly string[]): string {
  const { status, stdout, stderr } = run(argv);
  if (status !== 0) throw new Error(`${argv.join(" ")}: ${status}: ${stderr}`);
  return stdout;
}

/** A line of the shell, for its pipes. @throws Error as `succeed`; also when an earlier part of a pipe fails. */
export const shell = (line: string): string => succeed("sh", "-c", `set -eo pipefail; ${line}`);
