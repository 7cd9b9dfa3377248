/** Remote host: files put in place, looked at and taken away over sshd's file server, as an agent would on the spot. */
import { basename, dirname, posix } from "node:path";
import { toHex } from "../../base/bytes.ts";
import { KeywardError } from "../../base/errors.ts";
import { Secret } from "../../base/secret.ts";
import type { DurationMs } from "../../base/time.ts";
import type { Random } from "../../crypto/random.ts";
import { OpenFlag, type Status } from "../../formats/sftp/sftp.ts";
import type { ConnectHost, RemoteHost, RemoteOwnership } from "../../model/remote-host.ts";
import { encodeArguments, runCommand } from "./arguments.ts";
import { type FileServer, openFileServer } from "./file-server.ts";
import type { Link, OpenLink } from "./link.ts";
import { createNames } from "./names.ts";
import { nameOf } from "./ssh2.ts";

/** What every server takes in one packet. */
const CHUNK = 32_768;
const TYPE_BITS = 0o170000;
const REGULAR = 0o100000;
const DIRECTORY = 0o040000;
/** The mark by which a leftover is known. */
const TEMPORARY = ".keyward-";

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

/** What is not done in time ends the connection: nobody knows what it will still do. */
function limitTo(deadline: DurationMs, what: string, close: () => void): Within {
  return (act, limit = deadline) =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        reject(new KeywardError("timeout", `${what}: no answer in time`));
        close();
      }, limit);
      act()
        .then(resolve, reject)
        .finally(() => clearTimeout(timer));
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
        const { uid, gid, mode } = found;
        return { uid, gid, mode, content: await files.read(path, limit) };
      }),
    install: (path, value, ownership, makeBelow) =>
      within(async () => {
        await files.assertDirectory(dirname(path), makeBelow);
        const found = await files.look(path);
        if (found === "foreign") throw foreign(what, path);
        const same = found !== null && found.size === value.length && (await files.holds(path, value));
        if (same && isOwned(found, ownership)) return { written: false, changed: false };
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
    run: (argv, environment, limit) =>
      within(
        async () => (await link.execute(runCommand, encodeArguments(argv, environment), 0)).status,
        limit,
      ),
    close: () => link.close(),
  };
}

interface Found extends RemoteOwnership {
  readonly size: number;
}

function isOwned(found: Found, { uid, gid, mode }: RemoteOwnership): boolean {
  return found.uid === uid && found.gid === gid && found.mode === mode;
}

function createFiles(server: FileServer, what: string, random: Random) {
  const refuse = (status: Status, path: string): KeywardError =>
    new KeywardError("local", `${what}: ${JSON.stringify(path)}: ${reasons[status] ?? status}`);

  async function done(path: string, question: Parameters<FileServer["ask"]>[0]): Promise<void> {
    const reply = await server.ask(question);
    if (reply.kind !== "status" || reply.status !== "ok")
      throw refuse(reply.kind === "status" ? reply.status : "bad-message", path);
  }

  async function attributesOf(path: string) {
    const reply = await server.ask({ kind: "lstat", path });
    if (reply.kind === "attributes") return reply;
    if (reply.kind === "status" && reply.status === "no-such-file") return null;
    throw refuse(reply.kind === "status" ? reply.status : "bad-message", path);
  }

  async function open(path: string, flags: number, mode?: number): Promise<Uint8Array> {
    const attributes = mode === undefined ? {} : { mode };
    const reply = await server.ask({ kind: "open", path, flags, attributes });
    if (reply.kind === "handle") return reply.handle;
    throw refuse(reply.kind === "status" ? reply.status : "bad-message", path);
  }

  async function look(path: string): Promise<Found | "foreign" | null> {
    const seen = await attributesOf(path);
    if (seen === null) return null;
    const { size, uid, gid, mode } = seen;
    if (mode === undefined || (mode & TYPE_BITS) !== REGULAR) return "foreign";
    if (size === undefined || uid === undefined || gid === undefined) throw refuse("bad-message", path);
    return { size, uid, gid, mode: mode & 0o7777 };
  }

  /** @returns `null` when there is none, or it is longer. */
  async function read(path: string, limit: number): Promise<Secret | null> {
    const found = await look(path);
    if (found === null || found === "foreign" || found.size > limit) return null;
    const handle = await open(path, OpenFlag.read);
    try {
      const bytes = new Uint8Array(found.size);
      const parts = Array.from({ length: Math.ceil(found.size / CHUNK) }, async (_, i) => {
        const offset = i * CHUNK;
        const length = Math.min(CHUNK, found.size - offset);
        const reply = await server.ask({ kind: "read", handle, offset, length });
        if (reply.kind !== "data" || reply.data.byteLength !== length) return false;
        bytes.set(reply.data, offset);
        reply.data.fill(0);
        return true;
      });
      const whole = (await Promise.all(parts)).every(Boolean);
      return whole ? Secret.take(bytes) : null;
    } finally {
      await server.ask({ kind: "close", handle });
    }
  }

  async function holds(path: string, value: Secret): Promise<boolean> {
    using content = await read(path, value.length);
    return content?.equals(value) ?? false;
  }

  async function make(path: string): Promise<void> {
    await done(path, { kind: "mkdir", path, attributes: { mode: 0o700 } });
  }

  /** There, no link on the way, and no place where anybody may put another file in ours' stead. */
  async function assertDirectory(path: string, makeBelow: string | undefined): Promise<void> {
    const seen = await attributesOf(path);
    if (seen === null) {
      if (makeBelow === undefined || !isWithin(path, makeBelow)) throw refuse("no-such-file", path);
      if (path !== makeBelow) await assertDirectory(dirname(path), makeBelow);
      await make(path);
      return await assertDirectory(path, makeBelow);
    }
    const mode = seen.mode ?? 0;
    if ((mode & TYPE_BITS) !== DIRECTORY)
      throw new KeywardError("local", `${what}: ${JSON.stringify(path)}: is no directory`);
    if ((mode & 0o002) !== 0 && (mode & 0o1000) === 0)
      throw new KeywardError("local", `${what}: ${JSON.stringify(path)}: anybody may change what lies in it`);
    const real = await server.ask({ kind: "realpath", path });
    if (real.kind !== "names" || real.names[0] !== path)
      throw new KeywardError("local", `${what}: ${JSON.stringify(path)}: is reached through a symbolic link`);
  }

  /** All of it is under way at once, in this order. */
  async function write(
    path: string,
    handle: Uint8Array,
    content: Uint8Array,
    ownership: RemoteOwnership | null,
  ) {
    const acts: Promise<void>[] = [];
    for (let offset = 0; offset < content.byteLength; offset += CHUNK)
      acts.push(
        done(path, { kind: "write", handle, offset, data: content.subarray(offset, offset + CHUNK) }),
      );
    if (ownership !== null) acts.push(done(path, { kind: "fsetstat", handle, attributes: ownership }));
    if (server.extensions.has("fsync@openssh.com")) acts.push(done(path, { kind: "fsync", handle }));
    acts.push(done(path, { kind: "close", handle }));
    const ended = await Promise.allSettled(acts);
    for (const one of ended) if (one.status === "rejected") throw one.reason;
  }

  async function place(path: string, value: Secret, ownership: RemoteOwnership): Promise<void> {
    if (!server.extensions.has("posix-rename@openssh.com"))
      throw new KeywardError("local", `${what}: its file server cannot replace a file in one step`);
    const beside = `${dirname(path)}/${TEMPORARY}${toHex(random(8))}`;
    const flags = OpenFlag.write | OpenFlag.create | OpenFlag.exclusive;
    const handle = await open(beside, flags, 0o600);
    try {
      await write(path, handle, value.reveal(), ownership);
      await done(path, { kind: "posix-rename", from: beside, to: path });
    } catch (error) {
      await server.ask({ kind: "remove", path: beside }).catch(() => undefined);
      throw error;
    }
    const placed = await look(path);
    if (
      placed === null ||
      placed === "foreign" ||
      placed.size !== value.length ||
      !isOwned(placed, ownership)
    )
      throw new KeywardError("local", `${what}: ${JSON.stringify(path)}: is not as it was put there`);
  }

  /** Zeros first, where we may write; a file that we may not write can still be unlinked. */
  async function erase(path: string, size: number): Promise<void> {
    try {
      await write(path, await open(path, OpenFlag.write), new Uint8Array(size), null);
    } catch (error) {
      if (!(error instanceof KeywardError) || error.code !== "local") throw error;
    }
    await done(path, { kind: "remove", path });
  }

  return { look, read, holds, assertDirectory, place, erase };
}

function isWithin(path: string, directory: string): boolean {
  return path === directory || !posix.relative(directory, path).startsWith("..");
}

function foreign(what: string, path: string): KeywardError {
  return new KeywardError("local", `${what}: ${JSON.stringify(path)}: is no regular file`, {
    hint: `look at ${basename(path)} on the host, and take it away`,
  });
}

const reasons: Partial<Record<Status, string>> = {
  "no-such-file": "no such file or directory",
  "permission-denied": "permission denied",
  failure: "refused by the host: a full or read-only file system, or no room",
};
