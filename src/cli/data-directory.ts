/**
 * The store's directory: what lies in it besides the store itself, and whether it may be trusted.
 *
 *     seal.key         the key file of a file seal, when init made one       0600
 *     seal.path        or where else that file lies
 *     admin.token      a token that may do everything, made by init          0600
 *     ca.pem           the CA certificates to trust
 *     server.tls       the server's certificate and its key                  0600
 *     server.json      the address and process of the server that holds it   while it runs
 */
import { existsSync, readFileSync, type Stats, statSync } from "node:fs";
import path from "node:path";
import { utf8 } from "../base/bytes.ts";
import { KeywardError } from "../base/errors.ts";
import { parseJson } from "../base/json.ts";
import { readPem, readPrivate } from "../command/read-file.ts";
import type { ServerTarget } from "../command/target.ts";
import { forget, replace } from "../command/write-file.ts";

export const files = {
  sealKey: "seal.key",
  sealPath: "seal.path",
  token: "admin.token",
  ca: "ca.pem",
  server: "server.json",
  tls: "server.tls",
} as const;

interface Running {
  readonly address: string;
  readonly pid: number;
}

/**
 * Refuse a directory that someone else could have put there: keys typed in would be theirs.
 *
 * @param stats - Of the directory; absent when there is none.
 * @throws KeywardError `local`
 */
export function assertOurs(
  data: string,
  stats: Pick<Stats, "uid" | "mode" | "isDirectory"> | undefined = statSync(data, { throwIfNoEntry: false }),
  uid = process.geteuid?.() ?? 0,
): void {
  const what = `store ${JSON.stringify(data)}`;
  if (stats === undefined)
    throw new KeywardError("local", `no store in ${JSON.stringify(data)}, and no server's address`, {
      hint: "make a store: keyward init; or name a server: keyward login ADDRESS, or KEYWARD_ADDR",
    });
  if (!stats.isDirectory()) throw new KeywardError("local", `${what}: is not a directory`);
  if (stats.uid !== uid && stats.uid !== 0)
    throw new KeywardError("local", `${what}: belongs to another user`, {
      hint: "run this as that user, or name the store you mean with --data",
    });
  if ((stats.mode & 0o022) !== 0)
    throw new KeywardError("local", `${what}: others may write in it`, { hint: `chmod 700 ${data}` });
}

/**
 * The server that runs on this store, with the token of its owner.
 *
 * @returns `null` when none runs.
 * @throws KeywardError `local` when the directory is not to be trusted; `busy` when a server runs and its
 *   token cannot be read.
 */
export function findServerBeside(data: string): ServerTarget | null {
  assertOurs(data);
  const running = readRunning(path.join(data, files.server));
  if (running === null || !isAlive(running.pid)) return null;
  const { address } = running;
  try {
    const token = readPrivate(path.join(data, files.token), "token file");
    return { kind: "server", address, ca: readPem(path.join(data, files.ca)), token };
  } catch (error) {
    throw new KeywardError("busy", `store ${JSON.stringify(data)}: a server holds it, at ${address}`, {
      hint: `run: keyward login ${address}; or set KEYWARD_ADDR=${address} and KEYWARD_TOKEN_FILE`,
      cause: error,
    });
  }
}

/** The key file that opens the seal, as init was told; `null` when there is none. */
export function keyFileFor(data: string): string | null {
  const note = path.join(data, files.sealPath);
  if (existsSync(note)) return readFileSync(note, "utf8").trim();
  const beside = path.join(data, files.sealKey);
  return existsSync(beside) ? beside : null;
}

/** Remember where else than beside the store the key file lies. */
export function noteKeyFile(data: string, file: string): void {
  replace(path.join(data, files.sealPath), "file", utf8(`${file}\n`));
}

export function writeRunning(data: string, address: string): void {
  const running: Running = { address, pid: process.pid };
  replace(path.join(data, files.server), "file", utf8(`${JSON.stringify(running)}\n`), 0o644);
}

export function forgetRunning(data: string): void {
  forget(path.join(data, files.server));
}

function readRunning(file: string): Running | null {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch {
    return null;
  }
  const { address, pid } = (parseJson(text, "server.json") ?? {}) as Partial<Running>;
  if (typeof address !== "string" || typeof pid !== "number" || !Number.isInteger(pid) || pid < 2)
    throw new KeywardError("malformed", `${JSON.stringify(file)}: not one of ours`, {
      hint: "remove it when no server runs on this store",
    });
  return { address, pid };
}

/** Signal 0 asks whether the process is there; EPERM: it is, and belongs to another user. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
