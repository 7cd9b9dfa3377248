/** Link: a connection to an sshd, let in and with its host key checked. */
import type { Duplex } from "node:stream";
import type { DurationMs } from "../../base/time.ts";
import type { SshLogin, SshTarget } from "../../model/remote-host.ts";

export interface Run {
  /** Its exit status; `null` when a signal ended it. */
  readonly status: number | null;
  readonly stdout: Uint8Array;
}

export interface Link {
  readonly fingerprint: string;
  /** The login's name. */
  readonly user: string;
  /** Bytes to and from sshd's file server. @throws KeywardError `local` when it offers none */
  fileServer(): Promise<Duplex>;
  /** @param command - One of our own constants: the login's shell reads it. @param limit - Bytes of output kept. */
  execute(command: string, input: Uint8Array, limit: number): Promise<Run>;
  close(): void;
}

/** @throws KeywardError as `ConnectHost` */
export type OpenLink = (target: SshTarget, login: SshLogin, deadline: DurationMs) => Promise<Link>;
