/**
 * Placements: what one node should hold, worked out from the grants that match it, and the difference between
 * two such states. Pure.
 *
 * A volume's place is the device that it opens as, and a key opens one volume of a node, so that what the node
 * proves of the key says what opens that volume. A path holds one key. Where two matching grants want different keys at one path, or one wants a file where
 * another wants a directory, the older grant has it and the newer is refused; the same order everywhere, so that
 * all servers decide alike.
 */
import { canonicalJson } from "../base/json.ts";
import { type Grant, type InstallPath, isUnlock, placeOf } from "../model/grant.ts";
import type { DerivedAs, VersionNumber } from "../model/key.ts";
import type { KeyName, NodeName } from "../model/name.ts";
import type { PlanLine } from "../model/plan.ts";
import { type AtLoss, isRoot, type UnlockDelivery } from "../model/volume.ts";

/** One file that a node should hold, by the oldest grant that wants it. */
export interface Desired {
  readonly grant: Grant;
  readonly version: VersionNumber;
  /** How the node makes the value; absent when it is sent. */
  readonly derived?: DerivedAs;
}

/** A grant that matches the node and cannot be followed. */
export interface Refusal {
  readonly grant: Grant;
  /** The older grant that has the path. */
  readonly holder: Grant;
}

export interface Resolution {
  /** In order of path. */
  readonly desired: readonly Desired[];
  readonly refused: readonly Refusal[];
}

/** One file that is, or was, on a node. `grant` is absent where only the delivery is known. */
export interface Held {
  readonly path: InstallPath;
  readonly key: KeyName;
  readonly version: VersionNumber;
  readonly grant?: Grant;
}

export const nothing: Resolution = { desired: [], refused: [] };

/** Older first; by id where two were made in the same millisecond. */
export function compareGrants(a: Grant, b: Grant): number {
  return a.created - b.created || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0);
}

/** @param wanted - What matches, in any order. */
export function resolve(wanted: readonly Desired[]): Resolution {
  const [only] = wanted;
  if (only === undefined) return nothing;
  if (wanted.length === 1) return { desired: [only], refused: [] };
  const files = new Map<string, Desired>();
  const directories = new Map<string, Grant>();
  const unlocks = new Map<KeyName, Grant>();
  const refused: Refusal[] = [];
  for (const one of [...wanted].sort((a, b) => compareGrants(a.grant, b.grant))) {
    const path = placeOf(one.grant.delivery);
    const holder =
      files.get(path)?.grant ??
      directories.get(path) ??
      fileAbove(path, files) ??
      (isUnlock(one.grant) ? unlocks.get(one.grant.key) : undefined);
    if (holder === undefined) {
      files.set(path, one);
      if (isUnlock(one.grant)) unlocks.set(one.grant.key, one.grant);
      for (const above of directoriesOf(path)) if (!directories.has(above)) directories.set(above, one.grant);
    } else if (placeOf(holder.delivery) !== path || holder.key !== one.grant.key) {
      refused.push({ grant: one.grant, holder });
    }
  }
  return { desired: [...files.values()].sort(byPath), refused };
}

function fileAbove(path: string, files: ReadonlyMap<string, Desired>): Grant | undefined {
  for (const above of directoriesOf(path)) {
    const file = files.get(above);
    if (file !== undefined) return file.grant;
  }
  return undefined;
}

/** `/run/app/db.key` lies in `/run` and `/run/app`. */
function* directoriesOf(path: string): Generator<string> {
  for (let at = path.indexOf("/", 1); at > 0; at = path.indexOf("/", at + 1)) yield path.slice(0, at);
}

function byPath(a: Desired, b: Desired): number {
  return placeOf(a.grant.delivery) < placeOf(b.grant.delivery) ? -1 : 1;
}

/** What would be done to a node to bring it from one state to the other, without the reasons. */
export type Step =
  | { readonly change: "gain"; readonly after: Desired }
  | { readonly change: "replace"; readonly before: Held; readonly after: Desired }
  | { readonly change: "lose"; readonly before: Held };

export function stepsBetween(before: readonly Held[], after: readonly Desired[]): Step[] {
  const was = new Map(before.map((held) => [held.path, held]));
  const steps: Step[] = [];
  for (const one of after) {
    const held = was.get(placeOf(one.grant.delivery));
    if (held?.key === one.grant.key) was.delete(held.path);
    if (held?.key !== one.grant.key) steps.push({ change: "gain", after: one });
    else if (isReplaced(held, one)) steps.push({ change: "replace", before: held, after: one });
  }
  for (const held of was.values()) steps.push({ change: "lose", before: held });
  return steps;
}

export function planLine(node: NodeName, step: Step, reason: string): PlanLine {
  switch (step.change) {
    case "lose": {
      const { key, path, version } = step.before;
      return { change: "lose", node, key, path, reason: `${reason}${becomes(step.before)}`, held: version };
    }
    case "gain":
      return { change: "gain", ...place(node, step.after), reason };
    case "replace":
      return { change: "replace", ...place(node, step.after), reason, held: step.before.version };
  }
}

/** What the node does with a volume that it loses; a file just goes. */
function becomes({ path, grant }: Held): string {
  if (grant === undefined)
    return path.startsWith("/dev/mapper/") ? "; what runs on it is stopped, and it is closed" : "";
  return isUnlock(grant) ? `; ${fateOf(grant.delivery, grant.delivery.atLoss)}` : "";
}

/** `mongodb.service is stopped, /srv/data unmounted, data closed`. */
export function fateOf(delivery: UnlockDelivery, how: AtLoss): string {
  const { name, mount, start } = delivery;
  if (isRoot(delivery)) return `${name} stays open until the machine is switched off, and then closed`;
  if (how === "suspend") return "it is suspended, and what uses it hangs";
  const units = start.toReversed().map((unit) => `${unit} is stopped`);
  return [...units, ...(mount === undefined ? [] : [`${mount.point} unmounted`]), `${name} closed`].join(
    ", ",
  );
}

export function heldBy({ grant, version }: Desired): Held {
  return { path: placeOf(grant.delivery), key: grant.key, version, grant };
}

function place(node: NodeName, { grant, version }: Desired) {
  return { node, key: grant.key, path: placeOf(grant.delivery), grant: grant.id, version };
}

/** The way a file is installed counts too, where it is known. */
function isReplaced(held: Held, after: Desired): boolean {
  if (held.version !== after.version) return true;
  if (held.grant === undefined || held.grant === after.grant) return false;
  return canonicalJson(held.grant.delivery) !== canonicalJson(after.grant.delivery);
}
