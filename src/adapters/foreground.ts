/**
 * Foreground: a program in this process's place for as long as it runs: the same terminal and standard streams,
 * the same working directory, an environment that is handed in whole. Signals are passed on, and how it ended is
 * the answer. No shell sees its arguments.
 */
import { accessSync, constants, statSync } from "node:fs";
import path from "node:path";
import type { End } from "./process.ts";
import { startForeground } from "./process.ts";

export interface Foreground {
  /** At least the program's name, looked for in the PATH of `environment` unless it has a slash. */
  readonly argv: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly cwd: string;
}

/** Never throws: how it ended is the answer. `not-started` with ENOENT: there is no such program. */
export type RunForeground = (program: Foreground) => Promise<End>;

/** What a terminal sends to the whole group by itself. */
const fromTerminal: readonly NodeJS.Signals[] = ["SIGINT", "SIGQUIT"];
const passedOn: readonly NodeJS.Signals[] = [
  "SIGTERM",
  "SIGHUP",
  "SIGUSR1",
  "SIGUSR2",
  "SIGCONT",
  "SIGWINCH",
];

/** Where execvp(3) looks when there is no PATH. */
const DEFAULT_PATH = "/bin:/usr/bin";

export const runForeground: RunForeground = async ({ argv, environment, cwd }) => {
  const [name = "", ...rest] = argv;
  const found = findProgram(name, environment.PATH ?? DEFAULT_PATH, cwd);
  if ("code" in found) return { kind: "not-started", code: found.code };
  let child: { kill(signal: NodeJS.Signals): boolean } | undefined;
  const pass = (signal: NodeJS.Signals): void => void child?.kill(signal);
  // A terminal tells the program itself; passed on, it would hear it twice. Without a terminal nobody else does.
  const tell = process.stdin.isTTY === true ? (): void => {} : pass;
  for (const signal of passedOn) process.on(signal, pass);
  for (const signal of fromTerminal) process.on(signal, tell);
  try {
    const started = startForeground(found.file, [name, ...rest], environment, cwd);
    if ("kind" in started) return started;
    child = started.child;
    return await started.ended;
  } finally {
    for (const signal of passedOn) process.off(signal, pass);
    for (const signal of fromTerminal) process.off(signal, tell);
  }
};

/**
 * As execvp(3): a name with a slash is a path; else the first executable file in PATH.
 *
 * @returns `code`: EACCES when there is a file and it may not be executed, else ENOENT.
 */
export function findProgram(
  name: string,
  searchPath: string,
  cwd: string,
): { readonly file: string } | { readonly code: string } {
  if (name === "") return { code: "ENOENT" };
  const places = name.includes("/")
    ? [name]
    : searchPath.split(":").map((folder) => path.join(folder || ".", name));
  let code = "ENOENT";
  for (const place of places) {
    const file = path.resolve(cwd, place);
    const wrong = whyNot(file);
    if (wrong === null) return { file };
    if (wrong === "EACCES") code = "EACCES";
  }
  return { code };
}

/** `null` when it can be executed. */
function whyNot(file: string): string | null {
  try {
    if (!statSync(file).isFile()) return "EACCES";
    accessSync(file, constants.X_OK);
    return null;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EACCES" ? "EACCES" : "ENOENT";
  }
}
