/**
 * What is ours of a vault, beside its keys; absent unless it has something to say.
 *
 *     id        NAME_key_keyward.vault
 *     rotating  true: in sparse mode, a rotation is under way
 *     removed   names that a refresh does not bring back
 *     named     clients that were added by name, which cleaning up leaves
 */
import { KeywardError } from "../../base/errors.ts";
import type { ExactJson, ExactObject } from "../../base/exact-json.ts";
import { namesIn } from "./names.ts";

export interface VaultNotes {
  readonly rotating: boolean;
  readonly removed: readonly string[];
  readonly named: readonly string[];
}

export const noNotes: VaultNotes = { rotating: false, removed: [], named: [] };

/** @throws KeywardError `malformed`, `too-large` */
export function parseVaultNotes(item: ExactObject, what: string): VaultNotes {
  const rotating = item.get("rotating") ?? false;
  if (typeof rotating !== "boolean") throw new KeywardError("malformed", `${what}: rotating: not a boolean`);
  return {
    rotating,
    removed: namesIn(item.get("removed") ?? [], `${what}: removed`),
    named: namesIn(item.get("named") ?? [], `${what}: named`),
  };
}

/** @returns `null` when there is nothing to say. */
export function formatVaultNotes(id: string, { rotating, removed, named }: VaultNotes): ExactObject | null {
  const members: (readonly [string, ExactJson])[] = [
    ...(rotating ? ([["rotating", true]] as const) : []),
    ...(removed.length === 0 ? [] : ([["removed", removed]] as const)),
    ...(named.length === 0 ? [] : ([["named", named]] as const)),
  ];
  return members.length === 0 ? null : new Map<string, ExactJson>([["id", id], ...members]);
}
