/**
 * Serve: picks the store, alone in the program, and puts the parts over it: for the server, and for commands
 * that work without one.
 */
import { readFileSync } from "node:fs";
import { systemClock } from "../base/time.ts";
import { version } from "../command/release.ts";
import { systemRandom } from "../crypto/random.ts";
import type { Kms } from "../model/kms.ts";
import type { Principal } from "../model/principal.ts";
import type { SshMeans } from "../model/ssh-means.ts";
import { readKeyFile } from "../seal/file.ts";
import type { SealKind } from "../seal/seal.ts";
import type { Log } from "../server/log.ts";
import { createParts, type Parts } from "../server/parts.ts";
import { openSqlite } from "../store/sqlite/sqlite.ts";
import { keyFileFor } from "./data-directory.ts";

/** @throws KeywardError `busy` when another process has the store, `integrity`, `local` */
export async function openHouse(
  data: string,
  log: Log,
  given: { readonly kms?: Kms; readonly ssh?: () => SshMeans } = {},
): Promise<Parts> {
  const store = await openSqlite({ directory: data });
  try {
    return await createParts({
      store,
      clock: systemClock,
      random: systemRandom,
      version,
      log,
      ...given,
    });
  } catch (error) {
    await store.close();
    throw error;
  }
}

/** Errors go to the caller; what the parts have to tell besides is for a server's log. */
export const quietLog: Log = { info() {}, warn() {}, error() {}, debug() {} };

/**
 * Open the seal with the key file beside the store.
 *
 * @returns Whether there is one.
 * @throws KeywardError `wrong-key`, `local`
 */
export async function unsealByFile(parts: Parts, data: string): Promise<boolean> {
  const file = keyFileFor(data);
  if (file === null) return false;
  using content = await readKeyFile(file);
  await parts.rootKey.unseal({ kind: "file", content });
  await parts.afterUnseal();
  return true;
}

/** Which seals there are; more than one kind may open it. */
export async function sealKindsOf({ transact, rootKey }: Parts): Promise<ReadonlySet<SealKind>> {
  return new Set((await transact((tx) => rootKey.listSeals(tx))).map(({ kind }) => kind));
}

/** Who works on a local store: events name the user of the operating system. */
export function localPrincipal(): Extract<Principal, { kind: "local" }> {
  return { kind: "local", name: userName(process.geteuid?.() ?? 0) };
}

/**
 * By the host's own table, because the runtimes disagree: Bun takes the name from the environment, where
 * anyone can write another one.
 */
function userName(uid: number): string {
  try {
    const lines = readFileSync("/etc/passwd", "utf8").split("\n");
    const name = lines.map((line) => line.split(":")).find((field) => field[2] === String(uid))?.[0];
    if (name !== undefined && /^[A-Za-z0-9._-]{1,64}$/.test(name)) return name;
  } catch {
    // A container may have no such table.
  }
  return `uid-${uid}`;
}
