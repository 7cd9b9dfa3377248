/**
 * Key socket: where systemd-cryptsetup asks for a volume's key (crypttab(5), "AF_UNIX"), and systemd for a service's
 * (systemd.exec(5), LoadCredential=): it connects, ends its own
 * side at once, and takes all that it reads until the end for the key. It asks once for each start of its unit, so the
 * answer may be long in coming, but nothing may be sent that is not the key. Who may ask is decided by the path: a
 * directory of mode 0700, a socket of mode 0600. Which volume it is for, too: there is one socket for each.
 */
import { chmodSync, lstatSync, mkdirSync, unlinkSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { dirname } from "node:path";
import { KeywardError } from "../../base/errors.ts";
import type { Secret } from "../../base/secret.ts";

export interface KeySocket {
  close(): Promise<void>;
}

export interface KeySocketParts {
  /** A socket that systemd has opened, or a path to make one at. */
  readonly at: { readonly fd: number } | { readonly path: string };
  /** Several may ask at a time. */
  readonly many?: boolean;
  /**
   * The key; whoever asks waits for it. `null`: there is none, and the connection is broken off.
   *
   * @param signal - Nobody waits for it any more.
   */
  readonly answer: (signal: AbortSignal) => Promise<Secret | null>;
}

/** @throws KeywardError `local` when the path is taken by something else, or cannot be made. */
export function openKeySocket({ at, many = false, answer }: KeySocketParts): Promise<KeySocket> {
  const asking = new Set<Asking>();
  const stopAll = (): void => {
    for (const one of asking) one.stop();
    asking.clear();
  };
  // Half open: the one who asks has ended its side before we have the key; by default ours would end with it.
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    // Its going away looks like the end of its side. But there is one who asks for a volume, so that an earlier one
    // is gone when another comes.
    if (!many) stopAll();
    const one = serve(socket, answer);
    asking.add(one);
    socket.on("close", () => asking.delete(one));
  });
  return new Promise((resolve, reject) => {
    server.on("error", (cause) => reject(cannot(at, cause)));
    const ready = (): void => {
      if ("path" in at) chmodSync(at.path, 0o600);
      resolve({
        async close() {
          stopAll();
          await new Promise((ended) => server.close(ended));
        },
      });
    };
    if ("fd" in at) server.listen({ fd: at.fd }, ready);
    else listenAt(server, at.path, ready, reject);
  });
}

interface Asking {
  stop(): void;
}

function serve(socket: Socket, answer: KeySocketParts["answer"]): Asking {
  const over = new AbortController();
  socket.on("error", () => {});
  socket.on("close", () => over.abort());
  socket.resume();
  // Whoever answers has said to its own log why there is no key.
  void answer(over.signal)
    .catch(() => null)
    .then((key) => give(socket, key));
  return {
    stop() {
      over.abort();
      socket.destroy();
    },
  };
}

function give(socket: Socket, key: Secret | null): void {
  if (key === null || socket.destroyed) {
    key?.wipe();
    socket.destroy();
    return;
  }
  socket.on("close", () => key.wipe());
  socket.end(key.reveal());
}

function listenAt(
  server: Server,
  path: string,
  ready: () => void,
  reject: (error: KeywardError) => void,
): void {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    removeStale(path);
  } catch (error) {
    reject(error instanceof KeywardError ? error : cannot({ path }, error));
    return;
  }
  const before = process.umask(0o177);
  server.listen(path, ready);
  process.umask(before);
}

/** One that an agent before this one left; never a file or a link. */
function removeStale(path: string): void {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return;
  if (!stat.isSocket()) throw new KeywardError("local", `${path}: is there already, and no socket`);
  unlinkSync(path);
}

function cannot(at: KeySocketParts["at"], cause: unknown): KeywardError {
  const code = (cause as NodeJS.ErrnoException).code ?? "unknown";
  const what = "path" in at ? at.path : `socket ${at.fd} of systemd`;
  return new KeywardError("local", `${what}: cannot listen (${code})`, { cause });
}

const FIRST_FD = 3;
/** Begins the name of a socket at which systemd asks for a service's key; all others are volumes'. */
const CREDENTIAL = "keyward-credential.";

/** Of those that systemd has opened: for volumes, and for services. */
export function sortSockets(sockets: ReadonlyMap<string, number>): {
  readonly volumes: ReadonlyMap<string, number>;
  readonly credentials: ReadonlyMap<string, number>;
} {
  const [volumes, credentials] = [new Map<string, number>(), new Map<string, number>()];
  for (const [name, fd] of sockets)
    if (name.startsWith(CREDENTIAL)) credentials.set(name.slice(CREDENTIAL.length), fd);
    else volumes.set(name, fd);
  return { volumes, credentials };
}

/**
 * The sockets that systemd has opened for this process, by name (sd_listen_fds(3)).
 *
 * @param environment - LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES; those of another process are not ours.
 */
export function activatedSockets(
  environment: Readonly<Record<string, string | undefined>>,
  pid = process.pid,
): ReadonlyMap<string, number> {
  const { LISTEN_PID, LISTEN_FDS = "", LISTEN_FDNAMES = "" } = environment;
  if (LISTEN_PID !== String(pid) || !/^[1-9][0-9]{0,3}$/.test(LISTEN_FDS)) return new Map();
  const names = LISTEN_FDNAMES.split(":");
  return new Map(
    Array.from({ length: Number(LISTEN_FDS) }, (_, i) => [names[i] ?? "", FIRST_FD + i] as const).filter(
      ([name]) => name !== "",
    ),
  );
}
