/**
 * By the ssh2 library, in this process: one connection takes 7 ms of a core, where starting a program takes 30 and more.
 * It knows no certificates, neither of users nor of hosts.
 */

import { timingSafeEqual } from "node:crypto";
import type { Duplex } from "node:stream";
import { Client, type ClientChannel, type ServerHostKeyAlgorithm } from "ssh2";
import { KeywardError } from "../../base/errors.ts";
import {
  decodePublicKey,
  encodePublicKey,
  fingerprintOf,
  parsePublicLine,
  type SshPublicKey,
} from "../../formats/openssh/openssh.ts";
import type { SshLogin, SshTarget } from "../../model/remote-host.ts";
import type { Link, OpenLink, Run } from "./link.ts";

/** Those that a host may have to show a key of a type. RSA by SHA-2 alone. */
const algorithms = {
  ed25519: ["ssh-ed25519"],
  rsa: ["rsa-sha2-512", "rsa-sha2-256"],
  p256: ["ecdsa-sha2-nistp256"],
  p384: ["ecdsa-sha2-nistp384"],
  p521: ["ecdsa-sha2-nistp521"],
} as const satisfies Record<string, readonly ServerHostKeyAlgorithm[]>;

export const openBySsh2: OpenLink = (target, login, deadline) =>
  new Promise((resolve, reject) => {
    const what = nameOf(target);
    const pinned = target.hostKeys.map((line) => parsePublicLine(line, `${what}: its host key`).key);
    if (pinned.length === 0) throw noHostKey(what);
    if (login.kind === "key" && login.certificate !== undefined)
      throw new KeywardError("usage", `${what}: this way to connect knows no certificates`, {
        hint: "connect by OpenSSH's own program",
      });
    const client = new Client();
    let shown: string | null = null;
    let foreign: KeywardError | null = null;
    const timer = setTimeout(() => fail(new KeywardError("timeout", `${what}: no login in time`)), deadline);

    function fail(error: KeywardError): void {
      clearTimeout(timer);
      client.destroy();
      reject(foreign ?? error);
    }

    function isPinned(blob: Buffer): boolean {
      const known = pinned.map(encodePublicKey);
      shown = fingerprintIn(blob);
      if (known.some((key) => key.byteLength === blob.byteLength && timingSafeEqual(key, blob))) return true;
      foreign = foreignKey(what, shown);
      return false;
    }

    client.on("ready", () => {
      clearTimeout(timer);
      resolve(linkOver(client, what, target.user, shown ?? ""));
    });
    client.on("error", (error) => fail(failure(what, error)));
    client.on("close", () => fail(new KeywardError("unreachable", `${what}: the connection ended`)));
    const who = credentials(login);
    client.connect({
      host: target.address,
      port: target.port,
      username: target.user,
      ...who,
      hostVerifier: isPinned,
      readyTimeout: deadline,
      algorithms: { serverHostKey: [...new Set(pinned.flatMap(typesOf))] },
    });
    // it has been read
    if (who.privateKey !== undefined) who.privateKey.fill(0);
    // small questions that wait for their answers
    client.setNoDelay(true);
  });

export function nameOf({ address, port }: SshTarget): string {
  return `host ${address} port ${port}`;
}

export function noHostKey(what: string): KeywardError {
  return new KeywardError("integrity", `${what}: its host key is not known`, {
    hint: "look at it on the host (ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub) and give it to the node",
  });
}

export function foreignKey(what: string, shown: string): KeywardError {
  return new KeywardError("integrity", `${what}: shows another host key, ${shown}`, {
    hint: "nothing was sent; if the host was installed anew, give its new key to the node",
  });
}

function typesOf(key: SshPublicKey): readonly ServerHostKeyAlgorithm[] {
  return algorithms[key.kind === "ecdsa" ? key.curve : key.kind];
}

function fingerprintIn(blob: Buffer): string {
  try {
    return fingerprintOf(decodePublicKey(blob));
  } catch {
    return "of a type that is not read here";
  }
}

function credentials(login: SshLogin): { agent?: string; privateKey?: Buffer } {
  return login.kind === "agent" ? { agent: login.socket } : { privateKey: Buffer.from(login.key.reveal()) };
}

function linkOver(client: Client, what: string, user: string, fingerprint: string): Link {
  const waiting = new Set<(error: KeywardError) => void>();
  const ended = new KeywardError("unreachable", `${what}: the connection ended`);
  let isOpen = true;
  client.once("close", () => {
    isOpen = false;
    for (const reject of waiting) reject(ended);
  });
  /** Until it is done, or the connection ends. */
  const asked = <T>(ask: (resolve: (value: T) => void, reject: (error: KeywardError) => void) => void) => {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    waiting.add(reject);
    try {
      if (isOpen) ask(resolve, reject);
      else reject(ended);
    } catch {
      // the library throws where the host has ended the connection and we have not heard of it yet
      reject(ended);
    }
    return promise.finally(() => waiting.delete(reject));
  };
  return {
    fingerprint,
    user,
    fileServer: () =>
      asked<Duplex>((resolve, reject) => {
        client.subsys("sftp", (error, channel) => {
          if (error) reject(new KeywardError("local", `${what}: its sshd offers no file server`));
          else resolve(channel);
        });
      }),
    execute: (command, input, limit) =>
      asked<Run>((resolve, reject) => {
        client.exec(command, (error, channel) => {
          if (error) reject(new KeywardError("local", `${what}: runs no programs for us`));
          else collect(channel, input, limit, resolve);
        });
      }),
    close: () => client.destroy(),
  };
}

function collect(channel: ClientChannel, input: Uint8Array, limit: number, done: (run: Run) => void): void {
  const chunks: Buffer[] = [];
  let left = limit;
  let status: number | null = null;
  channel.on("data", (chunk: Buffer) => {
    if (left > 0) chunks.push(chunk.subarray(0, left));
    left -= chunk.byteLength;
  });
  channel.stderr.resume();
  channel.on("exit", (code: number | null) => {
    status = code;
  });
  channel.on("close", () => done({ status, stdout: Buffer.concat(chunks) }));
  channel.end(input);
}

/** The library's words may hold the host's. */
function failure(what: string, error: Error & { level?: string; code?: string }): KeywardError {
  if (error.level === "client-authentication")
    return new KeywardError("denied", `${what}: does not let us in`, {
      hint: "put the pushing key into the user's authorized_keys: keyward ssh authorize",
    });
  if (error.level === "client-timeout") return new KeywardError("timeout", `${what}: no login in time`);
  const code = /^[A-Z][A-Z0-9_]{2,30}$/.test(error.code ?? "") ? ` (${error.code})` : "";
  return new KeywardError("unreachable", `${what}: no connection${code}`);
}
