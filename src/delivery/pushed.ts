/** Pushed: what is known of a node between two pushes; it stands in the store before it is so on the node. */
import type { Fleet } from "../fleet/fleet.ts";
import type { KeyName, NodeName } from "../model/name.ts";
import type { PushSettings } from "../model/push.ts";
import { type PushRow, pushes } from "../records/records.ts";
import type { Transact } from "../store/store.ts";

export type PushedFile = PushRow["files"][number];
export type DueProgram = PushRow["due"][number];

export interface Pushed {
  /** @returns Nothing yet for a node that nothing was pushed to. */
  load(node: NodeName): Promise<PushRow | null>;
  save(node: NodeName, row: Omit<PushRow, "node">): Promise<void>;
  forget(node: NodeName): Promise<void>;
}

export function createPushed({
  fleet,
  transact,
}: {
  fleet: Pick<Fleet, "hashOf">;
  transact: Transact;
}): Pushed {
  return {
    load: (node) => transact((tx) => pushes.get(tx, fleet.hashOf(node))),
    save: (node, row) => transact((tx) => pushes.put(tx, { node: fleet.hashOf(node), ...row })),
    forget: (node) => transact((tx) => pushes.delete(tx, fleet.hashOf(node))),
  };
}

export function emptyRow(settings: PushSettings): Omit<PushRow, "node"> {
  return { settings, files: [], due: [] };
}

/** Each path once; what comes later counts. */
export function joinFiles(...lists: readonly (readonly PushedFile[])[]): PushedFile[] {
  return [...new Map(lists.flat().map((file) => [file.path, file])).values()];
}

/** The same arguments once, for all keys that want them. */
export function joinPrograms(...lists: readonly (readonly DueProgram[])[]): DueProgram[] {
  const found = new Map<string, { argv: readonly string[]; keys: Set<KeyName> }>();
  for (const { argv, keys } of lists.flat()) {
    const same = found.get(JSON.stringify(argv));
    if (same === undefined) found.set(JSON.stringify(argv), { argv, keys: new Set(keys) });
    else for (const key of keys) same.keys.add(key);
  }
  return [...found.values()].map(({ argv, keys }) => ({ argv, keys: [...keys].sort() }));
}
