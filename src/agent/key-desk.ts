/**
 * Key desk: gives systemd the keys of volumes, at a socket for each. It asks once for each start of its unit, and waits;
 * so does the key. For a volume that is open, or is opened meanwhile by somebody else, it needs none, and takes it over.
 */
import type { KeySocket } from "../adapters/systemd/key-socket.ts";
import { isKeywardError } from "../base/errors.ts";
import type { Secret } from "../base/secret.ts";
import type { DurationMs } from "../base/time.ts";
import { parseVolumeName, type VolumeName } from "../model/volume.ts";
import type { HandOver } from "./hand-over.ts";
import type { AgentLog } from "./log.ts";
import type { Wait } from "./pace.ts";
import type { Disks } from "./setup.ts";

export interface KeyDeskParts {
  readonly disks: Disks;
  readonly handOver: Pick<HandOver, "keyFor">;
  /** systemd has the key of this one. */
  readonly given: (name: VolumeName) => void;
  readonly wait: Wait;
  readonly log: AgentLog;
  readonly signal: AbortSignal;
}

const BUDGET = 3_600_000 as DurationMs;
/** Between looks whether somebody else has opened it. */
const LOOK_MS = 1000;

/** @returns One for each socket that listens; the others are logged. */
export async function openKeyDesk(parts: KeyDeskParts): Promise<KeySocket[]> {
  const { disks, log, signal } = parts;
  const open: KeySocket[] = [];
  for (const [text, fd] of disks.sockets) {
    try {
      const name = parseVolumeName(text);
      const answer = (gone: AbortSignal) => keyOrNone(parts, name, AbortSignal.any([gone, signal]));
      open.push(await disks.listen({ at: { fd }, answer }));
    } catch (error) {
      if (!isKeywardError(error)) throw error;
      log.error({ socket: text, reason: error.message }, "no socket for systemd");
    }
  }
  return open;
}

async function keyOrNone(parts: KeyDeskParts, name: VolumeName, signal: AbortSignal): Promise<Secret | null> {
  const { handOver, log } = parts;
  log.info({ volume: name }, "systemd asks for the key");
  if (await isOpen(parts, name)) return none(parts, name);
  const over = new AbortController();
  const either = AbortSignal.any([signal, over.signal]);
  const given = handOver.keyFor(name, BUDGET, either);
  try {
    const first = await Promise.race([given, untilOpen(parts, name, either)]);
    if (first === null) {
      given.then(({ key }) => key.wipe(), ignored);
      return none(parts, name);
    }
    log.info({ volume: name, version: first.version }, "systemd has the key");
    parts.given(name);
    return first.key;
  } catch (error) {
    if (!isKeywardError(error)) throw error;
    log.error({ volume: name, code: error.code, reason: error.message }, "no key for systemd");
    return null;
  } finally {
    over.abort();
  }
}

function none({ log }: KeyDeskParts, name: VolumeName): null {
  log.info({ volume: name }, "it is open, and systemd takes it over without a key");
  return null;
}

/** Without an end unless it is opened. */
async function untilOpen(parts: KeyDeskParts, name: VolumeName, signal: AbortSignal): Promise<null> {
  while (!signal.aborted) {
    await parts.wait(LOOK_MS, signal);
    if (!signal.aborted && (await isOpen(parts, name))) return null;
  }
  return await new Promise<never>(() => {});
}

async function isOpen({ disks: { host } }: KeyDeskParts, name: VolumeName): Promise<boolean> {
  try {
    // Nearly always it is not, and the key is waited for.
    return host.luks.isThere(name) && (await host.luks.status(name)) !== null;
  } catch (error) {
    if (!isKeywardError(error)) throw error;
    return false;
  }
}

function ignored(error: unknown): void {
  if (!isKeywardError(error)) throw error;
}
