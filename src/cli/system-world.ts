/** The world as this process has it: its streams, its environment, its signals. */
import { homedir } from "node:os";
import { systemClock } from "../base/time.ts";
import { systemCmdline, systemEnviron } from "../command/environ.ts";
import type { World } from "../command/world.ts";

/** @param sinks - Others than the runtime's streams. */
export function systemWorld(sinks: Pick<World, "stdout" | "stderr"> = streams()): World {
  let interrupted: AbortSignal | undefined;
  return {
    env: process.env,
    environ: systemEnviron,
    cmdline: systemCmdline,
    get home() {
      return homedir();
    },
    cwd: process.cwd(),
    get stdin() {
      return process.stdin;
    },
    stdinFd: 0,
    ...sinks,
    clock: systemClock,
    get interrupted() {
      interrupted ??= interruption();
      return interrupted;
    },
    askSecret: async (question, asking) => (await import("../command/prompt.ts")).askSecret(question, asking),
    connect: async (target, world) => (await import("./connect.ts")).connect(target, world),
  };
}

function streams(): Pick<World, "stdout" | "stderr"> {
  endQuietlyWhenNobodyReads(process.stdout);
  return { stdout: process.stdout, stderr: process.stderr };
}

/** `keyward audit list | head` is not an error. */
function endQuietlyWhenNobodyReads(stream: NodeJS.WriteStream): void {
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(0);
    throw error;
  });
}

/** The first signal asks the command to end; the second ends it. */
function interruption(): AbortSignal {
  const controller = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, () => {
      controller.abort();
      process.once(signal, () => process.exit(130));
    });
  }
  return controller.signal;
}
