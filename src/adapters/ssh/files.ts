/** Files on a remote host, over sshd's file server: looked at, read, put in place, taken away. */
import { dirname, posix } from "node:path";
import { toHex } from "../../base/bytes.ts";
import { KeywardError } from "../../base/errors.ts";
import { Secret } from "../../base/secret.ts";
import type { Random } from "../../crypto/random.ts";
import { OpenFlag, type Status } from "../../formats/sftp/sftp.ts";
import type { RemoteOwnership } from "../../model/remote-host.ts";
import type { FileServer } from "./file-server.ts";

/** What every server takes in one packet. */
const CHUNK = 32_768;
const TYPE_BITS = 0o170000;
const REGULAR = 0o100000;
const DIRECTORY = 0o040000;
/** The mark by which a leftover is known: this, and 16 digits. */
const TEMPORARY = ".keyward-";
const LEFTOVER = /^\.keyward-[0-9a-f]{16}$/;
/** Packets of a directory's names, some hundred each, that are read in search of leftovers. */
const MAX_LISTED = 1000;

export interface Found extends RemoteOwnership {
  readonly size: number;
}

export function isOwned(found: Found, { uid, gid, mode }: RemoteOwnership): boolean {
  return found.uid === uid && found.gid === gid && found.mode === mode;
}

export function createFiles(server: FileServer, what: string, random: Random) {
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
    return found === null || found === "foreign" || found.size > limit
      ? null
      : await content(path, found.size);
  }

  /**
   * Of a file that has been looked at: to open what is none may wait for ever.
   *
   * @returns `null` when it is no longer of this size.
   */
  async function content(path: string, size: number): Promise<Secret | null> {
    const handle = await open(path, OpenFlag.read);
    const bytes = new Uint8Array(size);
    const parts = Array.from({ length: Math.ceil(size / CHUNK) }, async (_, i) => {
      const offset = i * CHUNK;
      const length = Math.min(CHUNK, size - offset);
      const reply = await server.ask({ kind: "read", handle, offset, length });
      if (reply.kind !== "data" || reply.data.byteLength !== length) return false;
      bytes.set(reply.data, offset);
      reply.data.fill(0);
      return true;
    });
    const [whole] = await Promise.all([Promise.all(parts), server.ask({ kind: "close", handle })]);
    return whole.every(Boolean) ? Secret.take(bytes) : null;
  }

  /** @param path - Of a file of the value's size. */
  async function holds(path: string, value: Secret): Promise<boolean> {
    using held = await content(path, value.length);
    return held?.equals(value) ?? false;
  }

  async function make(path: string): Promise<void> {
    await done(path, { kind: "mkdir", path, attributes: { mode: 0o700 } });
  }

  /** There, no link on the way, and no place where anybody may put another file in ours' stead. */
  async function assertDirectory(path: string, makeBelow: string | undefined): Promise<void> {
    const [seen, real] = await Promise.all([attributesOf(path), server.ask({ kind: "realpath", path })]);
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
    let placed: Found | "foreign" | null;
    try {
      await write(path, handle, value.reveal(), ownership);
      const renaming = done(path, { kind: "posix-rename", from: beside, to: path });
      const looking = look(path);
      looking.catch(() => {});
      await renaming;
      placed = await looking;
    } catch (error) {
      await server.ask({ kind: "remove", path: beside }).catch(() => undefined);
      throw error;
    }
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

  /**
   * Take away what a push that was broken off left beside its file: names that we alone make, and regular files.
   *
   * @returns How many.
   */
  async function sweep(directory: string): Promise<number> {
    const opened = await server.ask({ kind: "opendir", path: directory });
    if (opened.kind !== "handle") return 0;
    const { handle } = opened;
    const found: string[] = [];
    for (let packets = 0; packets < MAX_LISTED; packets++) {
      const reply = await server.ask({ kind: "readdir", handle });
      if (reply.kind !== "names") break;
      found.push(...reply.names.filter((name) => LEFTOVER.test(name)));
    }
    await server.ask({ kind: "close", handle });
    let gone = 0;
    for (const name of found) {
      const path = `${directory}/${name}`;
      const left = await look(path);
      if (left === null || left === "foreign") continue;
      await erase(path, left.size);
      gone++;
    }
    return gone;
  }

  return { look, read, content, holds, assertDirectory, place, erase, sweep };
}

function isWithin(path: string, directory: string): boolean {
  return path === directory || !posix.relative(directory, path).startsWith("..");
}

const reasons: Partial<Record<Status, string>> = {
  "no-such-file": "no such file or directory",
  "permission-denied": "permission denied",
  failure: "refused by the host: a full or read-only file system, or no room",
};
