/** The daemon as a process of its own, started by the name and flags that a person types. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";

const root = join(import.meta.dirname, "../..");

export interface DaemonProcess {
  readonly pid: number;
  readonly port: number;
  log(): string;
  /** SIGTERM unless another. @returns How it ended. */
  stop(signal?: NodeJS.Signals): Promise<{ readonly status: number | null; readonly signal: string | null }>;
}

const alive = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of alive) child.kill("SIGKILL");
});

export interface Started {
  readonly program?: string;
  readonly words: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

/** @throws Error with its log when it ends before it listens. */
export async function startDaemonProcess(started: Started): Promise<DaemonProcess> {
  const { child, log } = start(started);
  const port = await new Promise<number>((resolve, reject) => {
    const look = (): void => {
      const found = /Daemon listening on (?:TLS )?[^"\s]*:(\d+)/.exec(log());
      if (found !== null) resolve(Number(found[1]));
    };
    child.stderr?.on("data", look);
    child.once("exit", (status) => reject(new Error(`the daemon ended with ${status}: ${log()}`)));
  });
  return {
    pid: child.pid ?? 0,
    port,
    log,
    async stop(signal = "SIGTERM") {
      const end = once(child, "exit");
      child.kill(signal);
      const [status, by] = (await end) as [number | null, string | null];
      return { status, signal: by };
    },
  };
}

/** To its end. */
export async function runToEnd(
  started: Started,
): Promise<{ readonly status: number | null; readonly stderr: string }> {
  const { child, log } = start(started);
  const [status] = (await once(child, "close")) as [number | null];
  return { status, stderr: log() };
}

function start({ program = "keyward", words, env = {}, cwd = "/" }: Started) {
  const child = spawn(join(root, "bin", program), [...words], {
    cwd,
    env: { PATH: process.env.PATH ?? "", HOME: "/nonexistent", ...env },
    stdio: ["ignore", "ignore", "pipe"],
  });
  alive.add(child);
  child.once("exit", () => alive.delete(child));
  let text = "";
  child.stderr?.on("data", (chunk) => {
    text += chunk;
  });
  return { child, log: () => text };
}
