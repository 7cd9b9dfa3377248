/**
 * Runs the console blocks of a page as someone types them: one shell, one folder, command after command.
 * A block opens with ```console; `$ ` begins a command, `> ` continues it, the rest is what it prints.
 */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface Step {
  readonly command: string;
  /** What the page says that it prints. */
  readonly printed: string;
}

const opening = "```console\n";

/** The page cut into text and console blocks, in turn: text at even places. */
export function cut(page: string): string[] {
  return page.split(/```console\n([\s\S]*?)```/);
}

export function parseBlock(block: string): Step[] {
  const steps: { command: string; printed: string }[] = [];
  for (const line of block.split("\n").slice(0, -1)) {
    const last = steps.at(-1);
    if (line.startsWith("$ ")) steps.push({ command: line.slice(2), printed: "" });
    else if (last === undefined) throw new Error(`a block begins with a command, not with ${line}`);
    else if (line.startsWith("> ") && last.printed === "") last.command += `\n${line.slice(2)}`;
    else last.printed += `${line}\n`;
  }
  return steps;
}

export function formatBlock(steps: readonly Step[]): string {
  const lines = steps.map(({ command, printed }) => `$ ${command.replaceAll("\n", "\n> ")}\n${printed}`);
  return `${opening}${lines.join("")}\`\`\``;
}

/** What differs from run to run, made the same: times, hashes, names that are random, widths of columns. */
export function normalise(printed: string): string {
  return printed
    .replace(/\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d)?(?:\.\d+)?Z?/g, "TIME")
    .replace(/\b[0-9a-f]{16,}(?:…)?/g, "HEX")
    .replace(/\b(g|kwt|kwj)[-_][A-Za-z0-9_-]+/g, "$1-ID")
    .replace(/\b\d+ events|\bevent \d+|^revision +\d+|^\d+(?= )/gm, "N")
    .replace(/\brequest=\S+/g, "request=ID")
    .replace(/\bpid \d+|process \d+/g, "PID")
    .replace(/\d+(?:\.\d+)? ?ms\b/g, "MS")
    .replace(/\b\d+ (?:seconds?|minutes?|hours?) (?:ago|from now)/g, "WHEN")
    .replace(/[ \t]+/g, " ")
    .replace(/ $/gm, "");
}

export interface Session {
  /** Everything that the command prints, on both streams. */
  run(command: string): Promise<string>;
  close(): Promise<void>;
}

/** A shell in a folder of its own, with `keyward` in its PATH. */
export function openSession(root: string): Session {
  const folder = mkdtempSync(join(tmpdir(), "keyward-readme-"));
  const env = { PATH: `${join(root, "bin")}:${process.env.PATH}`, HOME: folder, LANG: "C.UTF-8", TZ: "UTC" };
  const shell = spawn("bash", ["--noprofile", "--norc"], { cwd: folder, env, detached: true });
  shell.stdin.write("exec 2>&1\n");
  let text = "";
  let wake = (): void => {};
  shell.stdout.setEncoding("utf8").on("data", (chunk: string) => {
    text += chunk;
    wake();
  });
  let count = 0;

  return {
    async run(command) {
      const mark = `end-of-command-${++count}`;
      text = "";
      shell.stdin.write(`${command}\nprintf '%s\\n' ${mark}\n`);
      while (!text.includes(`${mark}\n`)) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      return text.slice(0, text.indexOf(`${mark}\n`)).replaceAll(folder, "/home/you");
    },
    async close() {
      const ended = new Promise((resolve) => shell.once("exit", resolve));
      if (shell.pid !== undefined) process.kill(-shell.pid, "SIGTERM");
      await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, 5000))]);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
