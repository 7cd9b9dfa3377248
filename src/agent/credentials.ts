/**
 * Credentials: keys that systemd fetches for its services: `LoadCredential=NAME:SOCKET` (systemd.exec(5)) connects as
 * systemd-cryptsetup does for a volume's key, so that a service starts when its key is there, and gets it in a
 * directory of its own, in memory. What is given is the file of that name in the key directory, as it was put there.
 */
import { join } from "node:path";
import type { KeySocket, KeySocketParts } from "../adapters/systemd/key-socket.ts";
import { isKeywardError } from "../base/errors.ts";
import type { Secret } from "../base/secret.ts";
import { parseInstallPath } from "../model/grant.ts";
import type { Holdings } from "./holdings.ts";
import type { Installed } from "./installed.ts";
import type { AgentLog } from "./log.ts";
import type { Wait } from "./pace.ts";

export interface CredentialSockets {
  /** Sockets that systemd has opened, by the name of the file. */
  readonly sockets: ReadonlyMap<string, number>;
  /** `openKeySocket` */
  readonly listen: (parts: KeySocketParts) => Promise<KeySocket>;
}

export interface CredentialsParts {
  readonly keyDirectory: string;
  readonly installed: Installed;
  readonly holdings: Holdings;
  readonly wait: Wait;
  readonly log: AgentLog;
}

/** Between looks whether the file is there. */
const LOOK_MS = 200;

/** @returns What ends it; a socket that does not listen is logged. */
export function openCredentials(parts: CredentialsParts, { sockets, listen }: CredentialSockets): () => void {
  const { log } = parts;
  const over = new AbortController();
  const open = [...sockets].map(async ([name, fd]) => {
    try {
      const path = join(parts.keyDirectory, parseInstallPath(name));
      const answer = async (signal: AbortSignal) => {
        const value = await valueOnceThere(parts, path, AbortSignal.any([signal, over.signal]));
        if (value !== null) log.info({ credential: name }, "systemd has the key of a service");
        return value;
      };
      return await listen({ at: { fd }, many: true, answer });
    } catch (error) {
      if (!isKeywardError(error)) throw error;
      log.error({ credential: name, reason: error.message }, "no socket for systemd");
      return null;
    }
  });
  return () => {
    over.abort();
    for (const one of open) void one.then((socket) => socket?.close());
  };
}

/** @returns `null` when nobody waits for it any more. */
async function valueOnceThere(
  { installed, holdings, wait }: CredentialsParts,
  path: string,
  signal: AbortSignal,
): Promise<Secret | null> {
  while (!signal.aborted) {
    const file = installed.files.get(path);
    const value =
      file !== undefined && holdings.conditionOf(file) === "intact" ? holdings.valueAt(path) : null;
    if (value !== null) return value;
    await wait(LOOK_MS, signal);
  }
  return null;
}
