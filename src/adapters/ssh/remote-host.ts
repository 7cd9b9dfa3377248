/** Remote host: files put in place, looked at and taken away over sshd's file server, as an agent would on the spot. */
import { basename, dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { KeywardError } from "../../base/errors.ts";
import type { DurationMs } from "../../base/time.ts";
import type { Random } from "../../crypto/random.ts";
import type { ConnectHost, RemoteHost } from "../../model/remote-host.ts";
import { encodeArguments, runCommand } from "./arguments.ts";
import { type FileServer, openFileServer } from "./file-server.ts";
import { createFiles, isOwned } from "./files.ts";
import type { Keepable, Kept } from "./kept.ts";
import type { Link, OpenLink } from "./link.ts";
import { createNames } from "./names.ts";
import { nameOf } from "./ssh2.ts";

/** What an act takes of the time that the node has is what it takes beyond this. */
const EASY = 1000;
/** Milliseconds that a connection kept from before has to show that it stands. */
const ALIVE = 3000;

/** A login, and the file server that it has been given. */
export interface Connection extends Keepable {
  readonly link: Link;
  readonly server: FileServer;
}

/** @param kept - Absent: each connection is closed with its host. */
export function createConnectHost(open: OpenLink, random: Random, kept?: Kept<Connection>): ConnectHost {
  async function connect(...[target, login, deadline]: Parameters<OpenLink>): Promise<Connection> {
    const what = nameOf(target);
    const link = await open(target, login, deadline);
    const close = (): void => link.close();
    try {
      const within = limitTo(deadline, what, close);
      const server = await within(async () => openFileServer(await link.fileServer(), what));
      return { link, server, close, since: performance.now() };
    } catch (error) {
      close();
      throw error;
    }
  }

  return async (target, login, deadline, node) => {
    const what = nameOf(target);
    const place = JSON.stringify([node, target]);
    const before = await alive(kept?.take(place) ?? null);
    const connection = before ?? (await connect(target, login, deadline));
    let isWhole = true;
    const within = limitTo(deadline, what, () => {
      isWhole = false;
      connection.close();
    });
    const close = (): void => {
      const isKept =
        node !== undefined && isWhole && connection.server.isIdle && kept?.give(place, connection);
      if (isKept !== true) connection.close();
    };
    return hostOver(connection, { what, random, within, close });
  };
}

/** What answers a question still; a connection may have been lost without a word. */
async function alive(connection: Connection | null): Promise<Connection | null> {
  if (connection === null) return null;
  const patience = new AbortController();
  const over = sleep(ALIVE, null, { signal: patience.signal }).catch(() => null);
  const asked = connection.server.ask({ kind: "realpath", path: "." }).catch(() => null);
  const answer = await Promise.race([asked, over]);
  patience.abort();
  if (answer !== null) return connection;
  connection.close();
  return null;
}

type Within = <T>(act: () => Promise<T>, limit?: DurationMs) => Promise<T>;

/**
 * What is not done in time ends the connection: nobody knows what it will still do. A host that keeps us waiting at each
 * step has its time once, not once a step; one with many files and an answer within a second to each has all that it needs.
 */
function limitTo(deadline: DurationMs, what: string, close: () => void): Within {
  let left: number = deadline;
  return (act, limit) =>
    new Promise((resolve, reject) => {
      const started = performance.now();
      const timer = setTimeout(
        () => {
          reject(new KeywardError("timeout", `${what}: no answer in time`));
          close();
        },
        limit ?? left + EASY,
      );
      act()
        .then(resolve, reject)
        .finally(() => {
          clearTimeout(timer);
          if (limit === undefined) left -= Math.max(0, performance.now() - started - EASY);
        });
    });
}

interface Parts {
  readonly what: string;
  readonly random: Random;
  readonly within: Within;
  readonly close: () => void;
}

function hostOver({ link, server }: Connection, { what, random, within, close }: Parts): RemoteHost {
  const files = createFiles(server, what, random);
  const names = createNames({ link, what, read: files.read });
  return {
    fingerprint: link.fingerprint,
    ownerOf: (owner, group) => within(() => names.ownerOf(owner, group)),
    read: (path, limit) =>
      within(async () => {
        const found = await files.look(path);
        if (found === null || found === "foreign") return found;
        const { uid, gid, mode, size } = found;
        return { uid, gid, mode, content: size > limit ? null : await files.content(path, size) };
      }),
    install: (path, value, ownership, makeBelow, anew = false) =>
      within(async () => {
        // both are under way at once; the directory's fault is the one that is said
        const looking = files.look(path);
        looking.catch(() => {});
        await files.assertDirectory(dirname(path), makeBelow);
        const found = await looking;
        if (found === "foreign") throw foreign(what, path);
        const same = found !== null && found.size === value.length && (await files.holds(path, value));
        if (same && !anew && isOwned(found, ownership)) return { written: false, changed: false };
        await files.place(path, value, ownership);
        return { written: true, changed: !same };
      }),
    remove: (path) =>
      within(async () => {
        const found = await files.look(path);
        if (found === null) return "absent";
        if (found === "foreign") return "foreign";
        await files.erase(path, found.size);
        return "removed";
      }),
    sweep: (directory) => within(() => files.sweep(directory)),
    run: (argv, environment, limit) =>
      within(
        async () => (await link.execute(runCommand, encodeArguments(argv, environment), 0)).status,
        limit,
      ),
    close,
  };
}

function foreign(what: string, path: string): KeywardError {
  return new KeywardError("local", `${what}: ${JSON.stringify(path)}: is no regular file`, {
    hint: `look at ${basename(path)} on the host, and take it away`,
  });
}
