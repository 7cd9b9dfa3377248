/**
 * Installed: what this agent has put where, kept in `installed.json`. It is written before files change (what is
 * about to be) and after (what is), so that an agent that was killed at any point knows on its next start what
 * may lie on the disk, and which hooks have not run.
 */
import { fromUtf8, utf8 } from "../base/bytes.ts";
import { KeywardError } from "../base/errors.ts";
import { canonicalJson, type Json, parseJson } from "../base/json.ts";
import type { GrantId, Offline } from "../model/grant.ts";
import type { VersionNumber } from "../model/key.ts";
import type { KeyName } from "../model/name.ts";
import type { MadeFrom } from "./deriver.ts";
import type { State } from "./state.ts";

/** What was put in place. */
export interface Content {
  readonly key: KeyName;
  readonly version: VersionNumber;
  /** As `State.digest` makes it. */
  readonly digest: string;
  /** Device and inode; empty while it is only intended. */
  readonly file: string;
  /** How it was made; absent when the server sent it. */
  readonly from?: MadeFrom;
}

export interface InstalledFile {
  /** Absolute. */
  readonly path: string;
  /** What is wanted there; until it is in place, `current` may be another key's. */
  readonly key: KeyName;
  readonly grant: GrantId;
  readonly offline: Offline;
  readonly run?: readonly string[];
  readonly uid: number;
  readonly gid: number;
  readonly mode: number;
  readonly current: Content | null;
  /** Being put in place: after a kill either may lie there. */
  readonly next: Content | null;
  /** The content has changed and `run` has not run since. */
  readonly due: boolean;
}

export interface HeldVersion {
  readonly key: KeyName;
  readonly version: VersionNumber;
}

export interface Installed {
  /** By path. */
  readonly files: ReadonlyMap<string, InstalledFile>;
  /** Removed, and the server has not heard of it. */
  readonly withdrawn: readonly HeldVersion[];
  /** The boot in which this was last written. */
  readonly boot: string;
  put(file: InstalledFile): void;
  forget(path: string): void;
  setWithdrawn(withdrawn: readonly HeldVersion[]): void;
  /** Make it durable, if anything changed since. @throws KeywardError `local` */
  save(): void;
}

interface Kept {
  readonly format: 1;
  readonly boot: string;
  readonly files: readonly InstalledFile[];
  readonly withdrawn: readonly HeldVersion[];
}

const limits = { size: 33_554_432, depth: 12, count: 1_000_000 };

/** @throws KeywardError `integrity` when the file is not as we wrote it. */
export function loadInstalled(state: State, boot: string): Installed {
  const kept = read(state);
  const files = new Map(kept.files.map((file) => [file.path, file]));
  let withdrawn = kept.withdrawn;
  let changed = false;
  return {
    files,
    get withdrawn() {
      return withdrawn;
    },
    boot: kept.boot,
    put(file) {
      changed = true;
      files.set(file.path, file);
    },
    forget(path) {
      changed = files.delete(path) || changed;
    },
    setWithdrawn(next) {
      changed = true;
      withdrawn = next;
    },
    save() {
      if (!changed) return;
      const next: Kept = { format: 1, boot, files: [...files.values()], withdrawn };
      state.write("installed.json", utf8(canonicalJson(next)));
      changed = false;
    },
  };
}

function read(state: State): Kept {
  const bytes = state.read("installed.json");
  if (bytes === null) return { format: 1, boot: "", files: [], withdrawn: [] };
  const what = `${state.path}/installed.json`;
  try {
    const kept = parseJson(fromUtf8(bytes.reveal(), what), what, limits);
    if (isKept(kept)) return kept;
  } catch (error) {
    throw broken(what, error);
  }
  throw broken(what);
}

/** Nobody but this agent writes it, so its outline is enough to tell that it is whole. */
function isKept(kept: unknown): kept is Kept {
  const { format, boot, files, withdrawn } = kept as Record<string, Json>;
  if (format !== 1 || typeof boot !== "string" || !Array.isArray(files) || !Array.isArray(withdrawn))
    return false;
  return files.every((file) => {
    const { path, key, grant, current, next } = file as Record<string, Json>;
    return (
      [path, key, grant].every((one) => typeof one === "string") &&
      current !== undefined &&
      next !== undefined
    );
  });
}

function broken(what: string, cause?: unknown): KeywardError {
  return new KeywardError("integrity", `${what}: not as the agent wrote it`, {
    cause,
    hint: "move it away: the agent starts anew, and files that are no longer granted have to be removed by hand",
  });
}
