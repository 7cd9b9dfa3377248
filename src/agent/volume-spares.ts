/**
 * Volume spares: the keys of volumes that a node may open while no server can be reached, each sealed to this host in
 * `spares/NAME.kwob` of the state directory. Only the key that last opened the volume is kept, only while its grant
 * says a duration, and no longer than that after the server was last heard of.
 *
 * Format: docs/formats/bundle.md, one entry in each file.
 */
import { readdirSync, unlinkSync } from "node:fs";
import { join } from "node:path";
import { isKeywardError } from "../base/errors.ts";
import type { Secret } from "../base/secret.ts";
import type { Clock, DurationMs } from "../base/time.ts";
import type { Random } from "../crypto/random.ts";
import {
  MAX_BUNDLE_BYTES,
  type OfflineBundle,
  type OfflineEntry,
  type OfflineVolume,
  openBundle,
  sealBundle,
} from "../formats/bundle/bundle.ts";
import type { NodeName } from "../model/name.ts";
import type { VolumeName } from "../model/volume.ts";
import { openDirectory } from "./directory.ts";
import { fileError } from "./file-error.ts";
import { prepareDirectory } from "./home.ts";
import type { AgentLog } from "./log.ts";
import { createTemporaries, placeFile } from "./place.ts";
import { readFile } from "./read.ts";

export type VolumeSpare = OfflineEntry<OfflineVolume>;

export interface VolumeSpares {
  /** In place of what was kept of this volume. The value is copied. */
  keep(spare: VolumeSpare): void;
  /** What may be used now; the caller wipes its value. */
  of(name: VolumeName): VolumeSpare | null;
  /** The server is there, and grants these still: durations count from now, and the others go. */
  confirm(names: ReadonlySet<VolumeName>): void;
  forget(name: VolumeName): void;
}

export interface VolumeSparesParts {
  readonly stateDirectory: string;
  readonly node: NodeName;
  /** What they are sealed to, see `hostKeyOf`; this part wipes it. */
  readonly host: () => Secret;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: AgentLog;
}

/** A clock that lies further back than this behind what was written is not believed. */
const CLOCK_SLACK_MS = 300_000;
/** How old the time in a file may be: a tenth of its duration, within these. */
const REFRESH_MS = { least: 10_000, most: 3_600_000 };

/** A file that cannot be written or read costs the copy, and nothing else: that is logged. */
export function createVolumeSpares(parts: VolumeSparesParts): VolumeSpares {
  const { stateDirectory, node, host, clock, random, log } = parts;
  const path = join(stateDirectory, "spares");
  const ownership = { uid: process.geteuid?.() ?? 0, gid: process.getegid?.() ?? 0, mode: 0o600 };
  /** When the time in a file is to be written anew. */
  const due = new Map<string, number>();

  function within<T>(use: (directory: ReturnType<typeof openDirectory>) => T): T | null {
    try {
      const directory = openDirectory(prepareDirectory(path));
      try {
        return use(directory);
      } finally {
        directory.close();
      }
    } catch (cause) {
      const error = isKeywardError(cause) ? cause : fileError(cause, path);
      log.warn(
        { code: error.code, reason: error.message },
        "no copy of a volume's key for a server's absence",
      );
      return null;
    }
  }

  function write(directory: ReturnType<typeof openDirectory>, entry: VolumeSpare): void {
    using key = host();
    const confirmed = clock();
    const sealed = sealBundle({ node, confirmed, entries: [entry] }, key, random);
    placeFile(directory, fileOf(entry.delivery.name), sealed, ownership, createTemporaries("spare", random));
    due.set(entry.delivery.name, confirmed + refreshOf(entry.delivery.offline));
  }

  /** Of this node, and of this volume. */
  function read(
    directory: ReturnType<typeof openDirectory>,
    name: string,
  ): { confirmed: number; entry: VolumeSpare } | null {
    if (!readdirSync(path).includes(fileOf(name))) return null;
    const sealed = readFile(directory, fileOf(name), MAX_BUNDLE_BYTES);
    if (sealed === null) return null;
    using key = host();
    const bundle = openBundle(sealed.reveal(), key);
    const entry = bundle.node === node ? bundle.entries.find(isOf(name)) : undefined;
    if (entry === undefined) wipeAll(bundle);
    return entry === undefined ? null : { confirmed: bundle.confirmed, entry };
  }

  /** One that does not open here, as this node has another key now, is of no use to anyone. */
  function renew(directory: ReturnType<typeof openDirectory>, name: string): void {
    try {
      const found = read(directory, name);
      if (found === null) remove(directory, name);
      else {
        write(directory, found.entry);
        found.entry.value.wipe();
      }
    } catch (error) {
      if (!isKeywardError(error, "wrong-key") && !isKeywardError(error, "malformed")) throw error;
      remove(directory, name);
    }
  }

  function remove(directory: ReturnType<typeof openDirectory>, name: string): void {
    due.delete(name);
    if (!readdirSync(path).includes(fileOf(name))) return;
    unlinkSync(directory.at(fileOf(name)));
    directory.sync();
  }

  return {
    keep: (spare) => void within((directory) => write(directory, spare)),
    of: (name) =>
      within((directory) => {
        const found = read(directory, name);
        if (found === null) return null;
        const { confirmed, entry } = found;
        const now = clock();
        if (now >= confirmed - CLOCK_SLACK_MS && now < confirmed + entry.delivery.offline) return entry;
        entry.value.wipe();
        return null;
      }),
    confirm: (names) =>
      void within((directory) => {
        for (const file of readdirSync(path)) {
          const name = nameOf(file);
          if (name === null) continue;
          if (!names.has(name as VolumeName)) remove(directory, name);
          else if (clock() >= (due.get(name) ?? 0)) {
            renew(directory, name);
          }
        }
      }),
    forget: (name) => void within((directory) => remove(directory, name)),
  };
}

const isOf =
  (name: string) =>
  (entry: OfflineEntry): entry is VolumeSpare =>
    entry.delivery.kind === "unlock" && entry.delivery.name === name;

const fileOf = (name: string): string => `${name}.kwob`;

function nameOf(file: string): string | null {
  return /^([A-Za-z0-9_][A-Za-z0-9_.-]{0,63})\.kwob$/.exec(file)?.[1] ?? null;
}

function refreshOf(offline: DurationMs): number {
  return Math.max(REFRESH_MS.least, Math.min(offline / 10, REFRESH_MS.most));
}

function wipeAll({ entries }: OfflineBundle): void {
  for (const { value } of entries) value.wipe();
}
