/**
 * State: what the agent keeps between runs, in a directory of mode 0700 that one agent has at a time. Each
 * file is written in one step, as keys are.
 *
 *     identity.pem    the node's private key, then its certificate: one file, so that they always belong together;
 *                     the certificate alone when the key follows from the machine's seed
 *     ca.pem          the certificates to trust
 *     server.json     the server's address and the node's name
 *     digest.key      32 random bytes, under which digests of installed files are made
 *     installed.json  what is installed, see `installed.ts`
 *     volumes.json    the volumes that are granted to this node, see `volume-keeper.ts`
 *     proofs.json     which version opens a volume, until the server has heard it, see `volume-proofs.ts`
 *     headers/        copies of their headers, sealed, see `headers.ts`
 *     bundle.sealed   what may be used while no server can be reached, see `offline.ts`
 */
import { unlinkSync } from "node:fs";
import { toHex } from "../base/bytes.ts";
import { KeywardError } from "../base/errors.ts";
import { Secret } from "../base/secret.ts";
import { hmacSha256 } from "../crypto/mac.ts";
import type { Random } from "../crypto/random.ts";
import { openDirectory } from "./directory.ts";
import { fileError } from "./file-error.ts";
import { prepareDirectory } from "./home.ts";
import { lockDirectory } from "./lock.ts";
import { cleanDirectory, createTemporaries, placeFile, type Temporaries } from "./place.ts";
import { readFile } from "./read.ts";

export type StateFile =
  | "identity.pem"
  | "ca.pem"
  | "server.json"
  | "digest.key"
  | "installed.json"
  | "volumes.json"
  | "proofs.json"
  | "bundle.sealed";

export interface State {
  readonly path: string;
  /** @returns `null` when there is none. @throws KeywardError `local` */
  read(name: StateFile): Secret | null;
  /** @throws KeywardError `local`: what was there before is untouched then. */
  write(name: StateFile, bytes: Uint8Array): void;
  remove(name: StateFile): void;
  /** HMAC-SHA-256 under a key of this state's own, hex: a plain hash of a short password would give it away. */
  digest(value: Secret): string;
  /** Names for temporary files, which no other agent's clean-up takes for its own. */
  readonly temporaries: Temporaries;
  /** Let another agent have it. */
  close(): void;
}

/** 128 MiB: more than any bundle, and a bound. */
const MAX_FILE_BYTES = 134_217_728;
const KEY_SIZE = 32;

/**
 * @param boot - Tells one boot of the host from another.
 * @throws KeywardError `busy` when another agent has it; `local`.
 */
export function openState(path: string, boot: string, random: Random): State {
  const real = prepareDirectory(path);
  const unlock = lockDirectory(real, boot);
  let files: ReturnType<typeof createFiles> | null = null;
  try {
    files = createFiles(real, random);
    return assemble(real, files, digestKeyOf(files, real, random), random, unlock);
  } catch (error) {
    files?.close();
    unlock();
    throw error;
  }
}

function assemble(
  path: string,
  files: ReturnType<typeof createFiles>,
  key: Secret,
  random: Random,
  unlock: () => void,
): State {
  const digest = (value: Secret): string => toHex(hmacSha256(key.reveal(), value.reveal()));
  const temporaries = createTemporaries(digest(Secret.fromText("temporaries")).slice(0, 8), random);
  return {
    ...files,
    path,
    digest,
    temporaries,
    close() {
      key.wipe();
      files.close();
      unlock();
    },
  };
}

type Files = Pick<State, "read" | "write" | "remove">;

/** The directory is held open: it is the agent's own, and written to at every change. */
function createFiles(path: string, random: Random): Files & { close(): void } {
  const directory = openDirectory(path);
  const temporaries = createTemporaries("state", random);
  const ownership = { uid: process.geteuid?.() ?? 0, gid: process.getegid?.() ?? 0, mode: 0o600 };

  function within<T>(name: StateFile, use: () => T): T {
    try {
      return use();
    } catch (error) {
      throw fileError(error, `${path}/${name}`);
    }
  }

  cleanDirectory(directory, temporaries);
  return {
    read: (name) =>
      within(name, () => {
        const found = absentIsNull(() => ({ bytes: readFile(directory, name, MAX_FILE_BYTES) }));
        if (found?.bytes === null) throw new KeywardError("local", `${path}/${name}: is not a file of ours`);
        return found?.bytes ?? null;
      }),
    write: (name, bytes) => within(name, () => placeFile(directory, name, bytes, ownership, temporaries)),
    remove: (name) =>
      within(name, () => {
        if (absentIsNull(() => unlinkSync(directory.at(name)) ?? true) !== null) directory.sync();
      }),
    close: () => directory.close(),
  };
}

function absentIsNull<T>(use: () => T): T | null {
  try {
    return use();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}

function digestKeyOf(files: Files, path: string, random: Random): Secret {
  const kept = files.read("digest.key");
  if (kept?.length === KEY_SIZE) return kept;
  if (kept !== null) throw new KeywardError("integrity", `${path}/digest.key: want ${KEY_SIZE} bytes`);
  const made = Secret.take(random(KEY_SIZE));
  files.write("digest.key", made.reveal());
  return made;
}
