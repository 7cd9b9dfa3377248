/** Remote host: files put in place, looked at and taken away over sshd's file server, as an agent would on the spot. */
import { basename, dirname } from "node:path";
import { KeywardError } from "../../base/errors.ts";
import type { DurationMs } from "../../base/time.ts";
import type { Random } from "../../crypto/random.ts";
import type { ConnectHost, RemoteHost } from "../../model/remote-host.ts";
import { encodeArguments, runCommand } from "./arguments.ts";
import { type FileServer, openFileServer } from "./file-server.ts";
import { createFiles, isOwned } from "./files.ts";
import type { Link, OpenLink } from "./link.ts";
import { createNames } from "./names.ts";
import { nameOf } from "./ssh2.ts";

/** What an act takes of the time that the node has is what it takes beyond this. */
const EASY = 1000;

export function createConnectHost(open: OpenLink, random: Random): ConnectHost {
  return async (target, login, deadline) => {
    const what = nameOf(target);
    const link = await open(target, login, deadline);
    try {
      const within = limitTo(deadline, what, () => link.close());
      const server = await within(async () => openFileServer(await link.fileServer(), what));
      return hostOver(link, server, { what, random, within });
    } catch (error) {
      link.close();
      throw error;
    }
  };
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
}

function hostOver(link: Link, server: FileServer, { what, random, within }: Parts): RemoteHost {
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
    close: () => link.close(),
  };
}

function foreign(what: string, path: string): KeywardError {
  return new KeywardError("local", `${what}: ${JSON.stringify(path)}: is no regular file`, {
    hint: `look at ${basename(path)} on the host, and take it away`,
  });
}
