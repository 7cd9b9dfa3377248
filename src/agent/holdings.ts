/**
 * Holdings: what lies on the disk, held against what the agent knows to have put there. Files are looked at by
 * their stamp first; only where that is new is the content read and its digest compared.
 */
import { isKeywardError } from "../base/errors.ts";
import type { Secret } from "../base/secret.ts";
import type { VersionNumber } from "../model/key.ts";
import type { KeyName } from "../model/name.ts";
import type { Found, Installer } from "./install.ts";
import type { HeldVersion, Installed, InstalledFile } from "./installed.ts";

export type Condition = "intact" | "changed" | "removed";

export interface Holdings {
  /** Is it as it was put there: content, owner and mode? */
  conditionOf(file: InstalledFile): Condition;
  /** A version's value, from any file of ours that still has it. */
  copyOf(key: KeyName, version: VersionNumber): Secret | null;
  /** The versions of which every file is there and intact. */
  held(): HeldVersion[];
  /** Remember that this is how the file looks when it is intact. */
  trust(path: string, stamp: string): void;
  /** Overwrite and unlink it, unless it has become someone else's. @throws KeywardError `local` */
  remove(file: InstalledFile): "removed" | "absent" | "foreign";
  /** The content of a file of ours; `null` when it cannot be read. */
  valueAt(path: string): Secret | null;
  /** After a failure or a kill: find out which of the contents that may be there is. */
  settle(file: InstalledFile): void;
}

export function createHoldings(parts: {
  installed: Installed;
  installer: Installer;
  digest: (value: Secret) => string;
}): Holdings {
  const { installed, installer, digest } = parts;
  const stamps = new Map<string, string>();

  /** `null` when there is no content to be read. */
  function digestAt(path: string): string | null {
    const value = readOrNull(path);
    if (value === null) return null;
    try {
      return digest(value);
    } finally {
      value.wipe();
    }
  }

  function readOrNull(path: string): Secret | null {
    try {
      return installer.read(path);
    } catch (error) {
      if (isKeywardError(error)) return null;
      throw error;
    }
  }

  /** `null` when nothing is there; `"other"` when it is no file, or not to be reached. */
  function look(path: string): Found | null | "other" {
    try {
      return installer.look(path);
    } catch (error) {
      if (isKeywardError(error)) return "other";
      throw error;
    }
  }

  function conditionOf(file: InstalledFile): Condition {
    const found = look(file.path);
    if (found === null) return "removed";
    if (found === "other" || file.current === null) return "changed";
    if (found.uid !== file.uid || found.gid !== file.gid || found.mode !== file.mode) return "changed";
    if (stamps.get(file.path) === found.stamp) return "intact";
    if (digestAt(file.path) !== file.current.digest) return "changed";
    stamps.set(file.path, found.stamp);
    return "intact";
  }

  function isPlaced({ path, next }: InstalledFile): boolean {
    return next !== null && digestAt(path) === next.digest;
  }

  return {
    conditionOf,
    trust(path, stamp) {
      stamps.set(path, stamp);
    },
    copyOf(key, version) {
      for (const file of installed.files.values()) {
        if (file.current?.key !== key || file.current.version !== version) continue;
        const value = readOrNull(file.path);
        if (value !== null && digest(value) === file.current.digest) return value;
        value?.wipe();
      }
      return null;
    },
    held() {
      const versions = new Map<KeyName, VersionNumber | null>();
      for (const file of installed.files.values()) {
        const held = file.current?.key === file.key && conditionOf(file) === "intact";
        const version = held ? (file.current?.version ?? null) : null;
        const same = !versions.has(file.key) || versions.get(file.key) === version;
        versions.set(file.key, same ? version : null);
      }
      return [...versions].flatMap(([key, version]) => (version === null ? [] : [{ key, version }]));
    },
    remove(file) {
      stamps.delete(file.path);
      const digests = [file.current?.digest, file.next?.digest];
      return installer.remove(file.path, (found) => {
        if (found.file === file.current?.file) return true;
        const there = digestAt(file.path);
        return there !== null && digests.includes(there);
      });
    },
    valueAt: readOrNull,
    settle(file) {
      const { path, current, next, run } = file;
      if (next === null) return;
      const found = look(path);
      if (found !== null && found !== "other" && isPlaced(file)) {
        const due = file.due || (current?.digest !== next.digest && run !== undefined);
        installed.put({ ...file, current: { ...next, file: found.file }, next: null, due });
      } else if (current === null) installed.forget(path);
      else installed.put({ ...file, next: null });
    },
  };
}
