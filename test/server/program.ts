/**
 * The program as it is built, in a directory of its own: `keyward init`, `keyward server` as a process that can be
 * killed, and commands. A copy of the build is used, so that one made meanwhile disturbs nothing.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Api } from "../../src/api/api.ts";
import { Secret } from "../../src/base/secret.ts";
import { type ClientOptions, createClient } from "../../src/client/client.ts";

const root = join(import.meta.dirname, "../..");

export interface Program {
  /** A directory of its own; what it holds goes with `remove`. */
  readonly directory: string;
  /** The store's directory. */
  readonly data: string;
  /** To its end. */
  run(words: readonly string[], stdin?: string): Promise<Ended>;
  /** @throws Error when `keyward init` fails. */
  init(words?: readonly string[], stdin?: string): Promise<void>;
  startServer(words?: readonly string[]): ServerProcess;
  /** Of whoever trusts this server's CAs. */
  client(address: string, options?: Partial<ClientOptions>): Api;
  /** With the token that `init` made. */
  operator(address: string): Api;
  /** The CA certificates to trust, PEM. */
  ca(): string[];
  remove(): void;
}

export interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ServerProcess {
  readonly pid: number;
  /** Its address, once it serves. Rejects when it ended by itself. */
  readonly serving: Promise<string>;
  /** The newest of what it has logged. */
  log(): string;
  /** SIGKILL, and wait until it is gone. @throws Error with its log when it had ended by itself. */
  kill(): Promise<void>;
  /** SIGTERM, and wait for its end. */
  stop(): Promise<void>;
}

/** Not left behind, whatever becomes of the test. */
const alive = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of alive) child.kill("SIGKILL");
});

/** @param more - Of its environment. */
export function createProgram(
  directory = mkdtempSync(join(tmpdir(), "keyward-program-")),
  more: Readonly<Record<string, string>> = {},
): Program {
  const data = join(directory, "store");
  const keyward = copyBuild(directory);
  const env = { PATH: process.env.PATH ?? "", HOME: directory, KEYWARD_DATA: data, ...more };
  const start = (words: readonly string[]): ChildProcess => {
    const child = spawn(keyward, words, { cwd: directory, env, stdio: ["pipe", "pipe", "pipe"] });
    child.stdin?.on("error", () => {});
    alive.add(child);
    child.once("close", () => alive.delete(child));
    return child;
  };

  async function run(words: readonly string[], stdin = ""): Promise<Ended> {
    const child = start(words);
    const [stdout, stderr] = [gather(child.stdout), gather(child.stderr)];
    child.stdin?.end(stdin);
    const [status] = (await once(child, "close")) as [number | null];
    return { status, stdout: stdout(), stderr: stderr() };
  }

  const ca = (): string[] =>
    readFileSync(join(data, "ca.pem"), "utf8").match(/-----BEGIN[^-]+-----[^-]+-----END[^-]+-----\n/g) ?? [];

  const client = (address: string, options: Partial<ClientOptions> = {}): Api =>
    createClient({ address, ca: ca(), ...options });

  return {
    directory,
    data,
    run,
    ca,
    async init(words = [], stdin = "") {
      const { status, stderr } = await run(["init", ...words], stdin);
      if (status !== 0) throw new Error(`keyward init ended with ${status}: ${stderr}`);
    },
    startServer: (words = []) => serverOf(start(["server", "--listen", "127.0.0.1:0", ...words])),
    client,
    operator: (address) => {
      const token = readFileSync(join(data, "admin.token"), "utf8").trim();
      return client(address, { token: Secret.fromText(token) });
    },
    remove: () => rmSync(directory, { recursive: true, force: true, maxRetries: 3 }),
  };
}

/** @returns The path of `bin/keyward` beside it. */
function copyBuild(directory: string): string {
  if (!existsSync(join(root, "dist/keyward.cjs"))) throw new Error("not built yet: npm run build");
  const to = join(directory, "program");
  mkdirSync(join(to, "bin"), { recursive: true });
  copyFileSync(join(root, "bin/keyward"), join(to, "bin/keyward"));
  const exe = join(root, "dist/exe");
  cpSync(join(root, "dist"), join(to, "dist"), { recursive: true, filter: (from) => from !== exe });
  symlinkSync(join(root, "node_modules"), join(to, "node_modules"));
  return join(to, "bin/keyward");
}

function serverOf(child: ChildProcess): ServerProcess {
  const log = gather(child.stderr);
  const closed = once(child, "close");
  child.stdin?.end();
  child.stdout?.resume();
  const died = (): Error =>
    new Error(`the server ended by itself, ${child.exitCode ?? child.signalCode}: ${log()}`);
  const serving = new Promise<string>((resolve, reject) => {
    child.stderr?.on("data", () => {
      const port = /"port":(\d+),"state":"[a-z]+","msg":"serving"/.exec(log())?.[1];
      if (port !== undefined) resolve(`https://127.0.0.1:${port}`);
    });
    closed.then(() => reject(died()), reject);
  });
  serving.catch(() => {});
  return {
    pid: child.pid ?? 0,
    serving,
    log,
    async kill() {
      child.kill("SIGKILL");
      await closed;
      if (child.signalCode !== "SIGKILL") throw died();
    },
    async stop() {
      child.kill("SIGTERM");
      await closed;
    },
  };
}

/** Text as it comes; what is far back is dropped. */
function gather(stream: NodeJS.ReadableStream | null): () => string {
  let text = "";
  stream?.setEncoding("utf8").on("data", (chunk: string) => {
    text = (text + chunk).slice(-65_536);
  });
  return () => text;
}
