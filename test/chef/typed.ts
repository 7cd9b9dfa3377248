/** The program, typed in a folder of its own beside a Chef server. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { text } from "node:stream/consumers";

export interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Desk {
  readonly folder: string;
  write(name: string, content: string, mode?: number): string;
  read(name: string): string;
  start(words: readonly string[], environment?: Readonly<Record<string, string>>): ChildProcess;
  type(words: readonly string[], given?: { stdin?: string; env?: Record<string, string> }): Promise<Ended>;
  /** What it printed on standard output. It must end well. */
  ok(...words: readonly string[]): Promise<string>;
  remove(): void;
}

const program = path.join(import.meta.dirname, "../../src/cli/main.ts");

export function createDesk(env: Readonly<Record<string, string>> = {}): Desk {
  const folder = mkdtempSync(path.join(tmpdir(), "keyward-chef-"));
  const desk: Desk = {
    folder,
    write(name, content, mode = 0o600) {
      writeFileSync(path.join(folder, name), content, { mode });
      return name;
    },
    read: (name) => readFileSync(path.join(folder, name), "utf8"),
    start: (words, more = {}) =>
      spawn(process.execPath, [program, ...words], {
        cwd: folder,
        env: { PATH: process.env.PATH, HOME: folder, ...env, ...more },
      }),
    async type(words, { stdin = "", env: more = {} } = {}) {
      const child = desk.start(words, more);
      child.stdin?.on("error", () => {});
      child.stdin?.end(stdin);
      const ended = new Promise<number | null>((resolve) => child.once("close", (code) => resolve(code)));
      if (child.stdout === null || child.stderr === null) throw new Error("no pipes");
      const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
      return { status: await ended, stdout, stderr };
    },
    async ok(...words) {
      const { status, stdout, stderr } = await desk.type(words);
      assert.equal(status, 0, `${words.join(" ")}: ${stderr}`);
      return stdout;
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
  return desk;
}

/** By which every command finds the server. */
export function chefEnvironment(server: {
  url: string;
  user: string;
  keyFile: string;
}): Record<string, string> {
  return {
    KEYWARD_CHEF_SERVER: server.url,
    KEYWARD_CHEF_USER: server.user,
    KEYWARD_CHEF_KEY: server.keyFile,
  };
}
