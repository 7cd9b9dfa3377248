/** Push: how a node without an agent is reached, and where its keys go. */
import { KeywardError } from "../base/errors.ts";
import type { DurationMs, UnixMs } from "../base/time.ts";
import { type InstallPath, parseInstallPath } from "./grant.ts";
import { printable } from "./name.ts";
import type { SshTarget } from "./remote-host.ts";

/** `ssh2` in the server's own process; `openssh` by OpenSSH's program, which knows certificates. */
export const pushDrivers = ["ssh2", "openssh"] as const;
export type PushDriver = (typeof pushDrivers)[number];

export interface PushSettings {
  readonly target: SshTarget;
  /** Where relative paths lie. Absolute. */
  readonly directory: InstallPath;
  readonly driver: PushDriver;
  /** Looked at this often, also when nothing has changed. */
  readonly every: DurationMs;
  /** Then written anew, as KeyMaster does, where it would be compared otherwise. */
  readonly redistribute?: true;
}

export const DEFAULT_PUSH_DIRECTORY = "/run/keyward/keys";
export const DEFAULT_PUSH_EVERY = 3_600_000 as DurationMs;
const LEAST_EVERY = 10_000;

/** What a person says; the rest is filled in. */
export interface PushInput {
  readonly address: string;
  readonly port?: number | undefined;
  readonly user?: string | undefined;
  readonly hostKeys?: readonly string[] | undefined;
  readonly hostCas?: readonly string[] | undefined;
  readonly directory?: string | undefined;
  readonly driver?: PushDriver | undefined;
  readonly every?: number | undefined;
  readonly redistribute?: boolean | undefined;
}

/**
 * Is it time to write anew what went out at `last`? At the very end of the interval it is.
 *
 * Source: KeyMaster 0.0.3, recipes/default.rb. Vectors: test/vectors/chef/keymaster.json, `interval`.
 */
export function isOver(last: UnixMs, every: DurationMs, now: UnixMs): boolean {
  return last <= now - every;
}

/**
 * @throws KeywardError `usage`: also for an address or a user that a program could take for something else, and when
 *   there is neither a host key nor a CA.
 */
export function parsePushSettings(input: PushInput): PushSettings {
  const { address, port = 22, user = "root", hostKeys = [], hostCas = [] } = input;
  const { directory = DEFAULT_PUSH_DIRECTORY, driver = "ssh2", every = DEFAULT_PUSH_EVERY } = input;
  const refuse = (why: string, hint?: string): KeywardError =>
    new KeywardError("usage", `push settings: ${why}`, hint === undefined ? {} : { hint });
  if (!/^[A-Za-z0-9_:][A-Za-z0-9_.:%-]{0,252}$/.test(address))
    throw refuse(`address ${printable(address)}: want a host name or an address`);
  if (!/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$/.test(user))
    throw refuse(`user ${printable(user)}: want a plain name`);
  if (!Number.isInteger(port) || port < 1 || port > 65_535) throw refuse("port: want 1 to 65535");
  if (!Number.isSafeInteger(every) || every < LEAST_EVERY) throw refuse("every: want 10s or more");
  if (hostKeys.length + hostCas.length === 0)
    throw refuse(
      "no host key",
      "a host is never trusted for being the first to answer: keyward node push --scan",
    );
  if (hostKeys.length > 16 || hostCas.length > 16) throw refuse("want 16 host keys and CAs at most");
  if (hostKeys.length === 0 && driver === "ssh2")
    throw refuse("certificates of hosts are read by the driver openssh alone");
  if (!directory.startsWith("/")) throw refuse("directory: want an absolute path");
  return {
    target: { address, port, user, hostKeys: [...hostKeys], hostCas: [...hostCas] },
    directory: parseInstallPath(directory),
    driver,
    every: every as DurationMs,
    ...(input.redistribute === true && { redistribute: true }),
  };
}
