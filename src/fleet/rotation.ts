/**
 * Rotations: tells when every active node that should hold a key has proved its pending version, so that the
 * composition can make that version primary. It looks at records only, so a restart resumes by looking again.
 */
import { isKeywardError } from "../base/errors.ts";
import type { VersionNumber } from "../model/key.ts";
import type { KeyName } from "../model/name.ts";
import type { Ledger } from "./ledger.ts";
import type { Roster } from "./roster.ts";

/** May be called again for the same version when it fails. */
export type OnProved = (key: KeyName, version: VersionNumber) => Promise<void> | void;

export interface Rotations {
  /** Have all nodes proved the pending version? `false` when there is none. @throws KeywardError `sealed` */
  pendingProved(key: KeyName): boolean;
  onProved(listener: OnProved): () => void;
  /** Look at all pending versions again: after an unseal. */
  resume(): void;
}

export function createRotations(roster: Roster, ledger: Ledger): Rotations {
  const listeners = new Set<OnProved>();
  /** Told, and not yet seen to be done. */
  const told = new Map<KeyName, VersionNumber>();
  let due = false;

  function pendingProved(key: KeyName): boolean {
    const known = roster.keys.get(key);
    if (known === undefined || !known.pending || known.version === null) return false;
    for (const { grant, nodes } of roster.grantsOf(key)) {
      if (!roster.isLive(grant)) continue;
      for (const node of nodes) {
        if (node.state === "active" && !ledger.hasProved(node.name, key, known.version)) {
          if (roster.placements(node.name).desired.some((one) => one.grant.key === key)) return false;
        }
      }
    }
    return true;
  }

  /** Once a turn, whatever happened in it. */
  function resume(): void {
    if (due) return;
    due = true;
    setImmediate(() => {
      due = false;
      lookAtAll();
    });
  }

  function lookAtAll(): void {
    for (const key of told.keys()) if (!roster.pending.has(key)) told.delete(key);
    if (listeners.size === 0) return;
    for (const key of roster.pending) {
      const version = roster.keys.get(key)?.version ?? null;
      if (version !== null && told.get(key) !== version && isProvedNow(key)) tell(key, version);
    }
  }

  /** Sealed: node names cannot be looked up in the ledger now, `resume` comes after the unseal. */
  function isProvedNow(key: KeyName): boolean {
    try {
      return pendingProved(key);
    } catch (error) {
      if (isKeywardError(error, "sealed") || isKeywardError(error, "uninitialised")) return false;
      throw error;
    }
  }

  function tell(key: KeyName, version: VersionNumber): void {
    told.set(key, version);
    for (const listener of listeners) {
      Promise.resolve()
        .then(() => listener(key, version))
        // The one who was told has said why; the next change of the key or its nodes tries again.
        .catch(() => told.delete(key));
    }
  }

  roster.onChange(() => {
    if (roster.pending.size > 0 || told.size > 0) resume();
  });
  ledger.onChange((key) => {
    if (roster.pending.has(key)) resume();
  });

  return {
    pendingProved,
    onProved(listener) {
      listeners.add(listener);
      resume();
      return () => listeners.delete(listener);
    },
    resume,
  };
}
