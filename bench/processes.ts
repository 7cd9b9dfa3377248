/** Processes of a bench: a server and its load, each on its own, asked by messages. */
import { type ChildProcess, fork } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Done, Job, Pair } from "./api-load.ts";

export interface Hello {
  readonly port: number;
  readonly ca: readonly string[];
  readonly token: string;
  readonly nodes: readonly Pair[];
}

export interface Use {
  readonly cpuMs: number;
  readonly rss: number;
  readonly heapUsed: number;
  readonly watching: number;
  readonly connections: number;
}

export interface Bench {
  readonly hello: Hello;
  /** Where the store lies. */
  readonly directory: string;
  use(): Promise<Use>;
  /** After a collection, for which the server must be started with `--expose-gc`. */
  collected(): Promise<Use>;
  load(job: Job): Promise<Done>;
}

export interface Start {
  readonly nodes?: number;
  readonly execArgv?: readonly string[];
}

/** Start a server over a new store on the disk and a load beside it; end both whatever happens. */
export async function withServer<T>(start: Start, work: (bench: Bench) => Promise<T>): Promise<T> {
  const directory = mkdtempSync(join(tmpdir(), "keyward-bench-"));
  const children: ChildProcess[] = [];
  try {
    const args = [join(directory, "store"), String(start.nodes ?? 0)];
    const server = spawn("api-server.ts", args, start);
    children.push(server);
    const hello = await ask<Hello>(server);
    const load = spawn("api-load.ts", [], {});
    children.push(load);
    return await work({
      hello,
      directory,
      use: () => ask<Use>(server, "use"),
      collected: () => ask<Use>(server, "collect"),
      load: (job) => ask<Done>(load, job),
    });
  } finally {
    for (const child of children) child.kill("SIGKILL");
    rmSync(directory, { recursive: true, force: true });
  }
}

/** What `bin/keyward` sets for a server. */
const allocator = Object.fromEntries(
  [
    ...readFileSync(join(import.meta.dirname, "../bin/keyward"), "utf8").matchAll(/(MALLOC_[A-Z_]+)=(\d+)/g),
  ].map(([, name = "", value = ""]) => [name, value]),
);

function spawn(file: string, args: readonly string[], { execArgv = [] }: Start): ChildProcess {
  return fork(join(import.meta.dirname, file), [...args], {
    execArgv: [...execArgv],
    env: { ...process.env, ...allocator },
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
}

function ask<T>(child: ChildProcess, message?: Job | "use" | "collect"): Promise<T> {
  return new Promise((resolve, reject) => {
    const ended = (status: number | null): void =>
      reject(new Error(`a process of the bench ended: ${status}`));
    child.once("exit", ended);
    child.once("message", (answer) => {
      child.off("exit", ended);
      resolve(answer as T);
    });
    if (message !== undefined) child.send(message);
  });
}
