/** Salt itself from PyPI: a folder with its configuration, states and caches, its programs, and who holds a key. */
import assert from "node:assert/strict";
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { type Peer, pythonPeer } from "./python.ts";

/** The last line with the `pass` renderer. Its packages name no dependencies of their own. */
const packages = [
  "salt==3006.20",
  "msgpack==1.0.8",
  "distro==1.9.0",
  "psutil==6.0.0",
  "looseversion==1.3.0",
  "PyYAML==6.0.2",
  "Jinja2==3.1.6",
  "MarkupSafe==3.0.2",
  "requests==2.32.3",
  "jmespath==1.0.1",
  "packaging==24.1",
  "pyzmq==26.2.0",
  "pycryptodomex==3.20.0",
  "cryptography==43.0.3",
];

/** @param name - Of the file that asks: test files run at the same time, and two must not install into one place. */
export const saltPeer = (name: string): Promise<Peer> => pythonPeer(name, packages);

export interface Ran {
  readonly status: number;
  readonly output: string;
}

export interface Salt {
  at(...names: string[]): string;
  /** Master and minion read the same settings in JSON; returns the folder, which `-c` names. */
  configure(name: string, settings: Record<string, unknown>): string;
  /** A state of this tree. */
  write(state: string, text: string): void;
  run(program: string, ...words: string[]): Promise<Ran>;
  /** A minion without a master, its caches empty, applies one state. `more`: of `salt-call`. */
  applyAlone(name: string, state: string, ...more: string[]): Promise<Ran>;
  /** A master on loopback and its one minion, `web1`, which answers. Both are configured as `master` and `minion`. */
  startPair(settings: { master: Record<string, unknown>; minion: Record<string, unknown> }): Promise<void>;
  /** By the master, to its minion. */
  call(...words: string[]): Promise<Ran>;
  applyByMaster(state: string): Promise<Ran>;
  stop(): Promise<void>;
}

/** @param env - The whole environment of every program. */
export function createSalt(bin: string, root: string, env: Record<string, string>): Salt {
  const running: ChildProcess[] = [];
  const at = (...names: string[]): string => path.join(root, ...names);
  mkdirSync(at("srv"), { recursive: true });

  function configure(name: string, settings: Record<string, unknown>): string {
    mkdirSync(at(name), { recursive: true });
    const common = {
      root_dir: at(name),
      log_level: "quiet",
      log_level_logfile: "trace",
      file_roots: { base: [at("srv")] },
    };
    for (const kind of ["master", "minion"])
      writeFileSync(at(name, kind), JSON.stringify({ ...common, ...settings }));
    return at(name);
  }

  function run(program: string, ...words: string[]): Promise<Ran> {
    return new Promise((resolve) => {
      const options = { env, timeout: 120_000, maxBuffer: 1 << 24 };
      execFile(path.join(bin, program), words, options, (error, stdout, stderr) =>
        resolve({ status: error === null ? 0 : Number(error.code) || 1, output: stdout + stderr }),
      );
    });
  }

  function start(program: string, directory: string): void {
    const log = openSync(path.join(directory, "console.log"), "a");
    const words = ["-c", directory];
    running.push(spawn(path.join(bin, program), words, { env, stdio: ["ignore", log, log], detached: true }));
  }

  const top = (state: string): void => writeFileSync(at("srv/top.sls"), `base: {'*': [${state}]}\n`);
  const call = (...words: string[]): Promise<Ran> =>
    run("salt", "-c", at("master"), "-t", "60", "web1", ...words);

  return {
    at,
    configure,
    write: (state, text) => writeFileSync(at("srv", `${state}.sls`), text),
    run,
    async applyAlone(name, state, ...more) {
      top(state);
      rmSync(at(name, "var"), { recursive: true, force: true });
      await run("salt-call", "--local", "-c", at(name), "saltutil.sync_all");
      return run("salt-call", "--local", "-c", at(name), ...more, "--retcode-passthrough", "state.highstate");
    },
    async startPair({ master, minion }) {
      const [publish, answers] = [await freePort(), await freePort()];
      const own = { interface: "127.0.0.1", publish_port: publish, ret_port: answers, auto_accept: true };
      configure("master", { ...own, worker_threads: 2, ...master });
      configure("minion", {
        ...{ id: "web1", master: "127.0.0.1", master_port: answers, publish_port: publish },
        ...minion,
      });
      start("salt-master", at("master"));
      start("salt-minion", at("minion"));
      const end = Date.now() + 120_000;
      for (;;) {
        const { output } = await call("test.ping");
        if (/True/.test(output)) break;
        if (Date.now() > end) throw new Error(`the minion does not answer: ${output}`);
      }
      await call("saltutil.sync_all");
    },
    call,
    applyByMaster(state) {
      top(state);
      return call("--out", "json", "state.highstate");
    },
    async stop() {
      for (const child of running) child.kill("SIGTERM");
      await Promise.all(running.map(ended));
    },
  };
}

/** Salt's processes lead a group of their own: what has not ended with its leader is ended with the group. */
async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null)
    await Promise.race([once(child, "exit"), delay(10_000, undefined, { ref: false })]);
  try {
    process.kill(-(child.pid ?? Number.NaN), "SIGKILL");
  } catch {
    // Nobody is left.
  }
}

/** Every file below a directory that holds the key, in clear or as JSON or Python writes it, by its last name. */
export function holders(directory: string, key: string): string[] {
  const spellings = [key, JSON.stringify(key).slice(1, -1), longestWord(key)].map((text) =>
    Buffer.from(text),
  );
  return filesBelow(directory)
    .filter((file) => {
      const content = ifThere(() => readFileSync(file)) ?? Buffer.alloc(0);
      return spellings.some((one) => content.includes(one));
    })
    .map((file) => path.basename(file))
    .sort();
}

function filesBelow(directory: string): string[] {
  const entries = ifThere(() => readdirSync(directory, { withFileTypes: true })) ?? [];
  return entries.flatMap((entry) => {
    const at = path.join(directory, entry.name);
    return entry.isDirectory() ? filesBelow(at) : entry.isFile() ? [at] : [];
  });
}

/** Running programs remove files and folders at any time. */
function ifThere<T>(read: () => T): T | null {
  try {
    return read();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}

/** A run of letters that no spelling changes. The seed of the test is fixed, so there is one of this length. */
export function longestWord(text: string): string {
  const words = text.split(/[^a-z]+/).sort((a, b) => b.length - a.length);
  assert.ok((words[0] ?? "").length >= 5, "the password has no long word");
  return words[0] ?? "";
}

/** A state that puts what it is given on standard input into a file, by a program of the host. */
export const teeState = (file: string, stdin: string, head = ""): string =>
  `${head}the key:\n  cmd.run:\n    - name: /usr/bin/tee ${file}\n    - stdin: ${stdin}\n    - hide_output: True\n    - output_loglevel: quiet\n`;

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}
