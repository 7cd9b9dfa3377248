/**
 * Headers: sealed copies of volumes' headers, `headers/NAME-UUID-VERSION.kwhb` in the state directory. They are written
 * in one step and are no use without the volume's own key.
 *
 * Format: docs/formats/header-backup.md.
 */
import { readdirSync, unlinkSync } from "node:fs";
import { join } from "node:path";
import type { Random } from "../crypto/random.ts";
import { MAX_HEADER_BACKUP_BYTES } from "../formats/header-backup/header-backup.ts";
import type { VolumeName } from "../model/volume.ts";
import type { HeaderKeeper } from "./after-opening.ts";
import { openDirectory } from "./directory.ts";
import { fileError } from "./file-error.ts";
import { prepareDirectory } from "./home.ts";
import { createTemporaries, placeFile } from "./place.ts";
import { readFile } from "./read.ts";

export interface Headers extends HeaderKeeper {
  /** They go. */
  forget(name: VolumeName): void;
}

const ending = /^(.+)-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}-[0-9]{1,9}\.kwhb$/;

export function createHeaders(stateDirectory: string, random: Random): Headers {
  const path = join(stateDirectory, "headers");
  const ownership = { uid: process.geteuid?.() ?? 0, gid: process.getegid?.() ?? 0, mode: 0o600 };

  function within<T>(use: (directory: ReturnType<typeof openDirectory>) => T): T {
    try {
      const directory = openDirectory(prepareDirectory(path));
      try {
        return use(directory);
      } finally {
        directory.close();
      }
    } catch (error) {
      throw fileError(error, path);
    }
  }

  const namesOf = (name: VolumeName): string[] =>
    readdirSync(path).filter((file) => ending.exec(file)?.[1] === name);

  return {
    keep: (name, uuid, version, sealed, only) =>
      within((directory) => {
        const file = `${name}-${uuid}-${version}.kwhb`;
        placeFile(directory, file, sealed, ownership, createTemporaries("header", random));
        const others = only ? namesOf(name).filter((other) => other !== file) : [];
        for (const other of others) unlinkSync(directory.at(other));
        if (others.length > 0) directory.sync();
      }),
    has: (name, version) => within(() => namesOf(name).some((file) => file.endsWith(`-${version}.kwhb`))),
    of: (name) =>
      within((directory) =>
        namesOf(name).flatMap((file) => {
          const bytes = readFile(directory, file, MAX_HEADER_BACKUP_BYTES);
          return bytes === null ? [] : [bytes.reveal()];
        }),
      ),
    forget: (name) =>
      within((directory) => {
        for (const file of namesOf(name)) unlinkSync(directory.at(file));
        directory.sync();
      }),
  };
}
