/**
 * Remote host: a machine without an agent, reached by SSH, as the place where keys are put. The contract; `fleet/`
 * does not know how it is reached.
 */
import type { Secret } from "../base/secret.ts";
import type { DurationMs } from "../base/time.ts";

export interface SshTarget {
  /** A name or an address. */
  readonly address: string;
  readonly port: number;
  readonly user: string;
  /** Lines of public keys, one of which the host must show: it is never trusted for being the first to answer. */
  readonly hostKeys: readonly string[];
  /** Lines of public keys whose certificates the host may show instead. */
  readonly hostCas: readonly string[];
}

/** Who we are to the host. */
export type SshLogin =
  /** A private key file of OpenSSH without a passphrase, and the certificate that goes with it, if there is one. */
  | { readonly kind: "key"; readonly key: Secret; readonly certificate?: string }
  /** Whatever the ssh-agent at this socket holds. */
  | { readonly kind: "agent"; readonly socket: string };

export interface RemoteOwnership {
  readonly uid: number;
  readonly gid: number;
  /** Permission bits. */
  readonly mode: number;
}

export interface RemoteFile extends RemoteOwnership {
  readonly content: Secret | null;
}

export interface RemoteHost {
  /** The key that the host showed, as `ssh-keygen -l` prints its fingerprint. */
  readonly fingerprint: string;

  /**
   * Numbers for names; the login's own where none is given.
   *
   * @throws KeywardError `local` when the host does not know one.
   */
  ownerOf(owner: string | undefined, group: string | undefined): Promise<{ uid: number; gid: number }>;

  /**
   * A regular file as it lies there. The caller wipes the content.
   *
   * @param limit - Bytes; a longer file comes without its content.
   * @returns `null` when there is none, `foreign` for anything but a regular file.
   * @throws KeywardError as `install`
   */
  read(path: string, limit: number): Promise<RemoteFile | "foreign" | null>;

  /**
   * Put a file in place in one step: beside, synced where the server offers it, renamed; then looked at again. What is
   * so already is not written. Never through a symbolic link.
   *
   * @param makeBelow - Directories missing below this one are made, for the login alone.
   * @param anew - Written even when it is so already.
   * @throws KeywardError `local`: what stood there stays as it was. `unreachable`, `timeout`
   */
  install(
    path: string,
    value: Secret,
    ownership: RemoteOwnership,
    makeBelow?: string,
    anew?: boolean,
  ): Promise<{ readonly written: boolean; readonly changed: boolean }>;

  /**
   * Overwrite and unlink, if it is a regular file.
   *
   * @returns `foreign` for anything else, which stays.
   * @throws KeywardError as `install`
   */
  remove(path: string): Promise<"removed" | "absent" | "foreign">;

  /**
   * Take away the temporary files that an `install` which was broken off has left in a directory: its own alone.
   *
   * @returns How many; 0 also for what is no directory.
   * @throws KeywardError as `install`
   */
  sweep(directory: string): Promise<number>;

  /**
   * Run a program with arguments; neither is ever part of a command line.
   *
   * @returns Its exit status; `null` when a signal ended it.
   * @throws KeywardError `timeout`, after which it may still run; `unreachable`
   */
  run(
    argv: readonly string[],
    environment: Readonly<Record<string, string>>,
    limit: DurationMs,
  ): Promise<number | null>;

  close(): void;
}

/**
 * @param node - Whose push it is: a connection that was kept from its last one serves again, and from no other's.
 * @param deadline - For the connection to stand; and then for all that its acts take beyond a second each, programs apart.
 * @throws KeywardError `integrity` when the host shows a key that is not its own; `denied` when it does not let us in;
 *   `unreachable`; `timeout`
 */
export type ConnectHost = (
  target: SshTarget,
  login: SshLogin,
  deadline: DurationMs,
  node?: string,
) => Promise<RemoteHost>;
