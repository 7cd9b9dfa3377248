/**
 * Fleet rotation: the keys of many nodes' volumes to their next version, a few first. A key's next version is staged:
 * it becomes the primary one when every node that it opens a volume of has proved that it does. Nothing of the state
 * is kept here, so that one that was killed goes on when it is run again.
 */
import type { ResponseOf } from "../../api/shapes.ts";
import { isKeywardError, type KeywardError } from "../../base/errors.ts";
import type { Clock, DurationMs } from "../../base/time.ts";
import type { Session } from "../../command/session.ts";
import { parseKeyName } from "../../model/name.ts";

export type FleetVolume = ResponseOf<"disk.list">["volumes"][number];
export type Call = Session<"disk.list" | "key.show" | "key.rotate">["call"];

/** `rotate`: to be rotated; `finish`: under way, and waited for; the others are left alone. */
export type KeyState = "rotate" | "finish" | "young" | "frozen" | "failing" | "never opened";

export interface KeyPlan {
  readonly key: string;
  /** That its volumes should open with. */
  readonly version: number;
  readonly volumes: readonly FleetVolume[];
  readonly state: KeyState;
}

export interface FleetRotationParts {
  readonly call: Call;
  readonly clock: Clock;
  readonly wait: (ms: number) => Promise<void>;
  readonly say: (line: string) => void;
  readonly interrupted: AbortSignal;
}

export interface FleetOptions {
  /** Keys that are rotated first; the others follow when all of these are done. */
  readonly canary: number;
  readonly atOnce: number;
  /** For the keys of one group. */
  readonly patience: DurationMs;
}

export interface FleetRotated {
  readonly done: readonly string[];
  /** Rotated, and not proved in time: `db1/data`. */
  readonly waiting: readonly string[];
  readonly refused: readonly { readonly key: string; readonly error: KeywardError }[];
  /** Not begun, as something before went wrong. */
  readonly left: readonly string[];
}

/** Between looks whether nodes have proved. */
const LOOK_MS = 1000;

/** @param olderThan - Keys whose version is younger are left alone: they have been rotated just now. */
export async function planFleet(
  { call, clock }: Pick<FleetRotationParts, "call" | "clock">,
  { node, olderThan }: { readonly node?: string | undefined; readonly olderThan: DurationMs },
): Promise<KeyPlan[]> {
  const { volumes } = await call("disk.list", { query: {} });
  const plans: KeyPlan[] = [];
  for (const [key, own] of Map.groupBy(volumes, (volume) => volume.key)) {
    if (node !== undefined && own.every((one) => one.node !== node)) continue;
    const version = Math.max(...own.map((one) => one.version));
    const shown = await call("key.show", { path: { name: parseKeyName(key) } });
    const created = shown.versions.find(({ number }) => number === version)?.created ?? 0;
    const young = clock() - created < olderThan;
    plans.push({ key, version, volumes: own, state: stateOf(own, young) });
  }
  return plans.sort((a, b) => (a.key < b.key ? -1 : 1));
}

function stateOf(volumes: readonly FleetVolume[], young: boolean): KeyState {
  if (volumes.some(({ frozen }) => frozen === true)) return "frozen";
  if (volumes.some(({ proved }) => proved === undefined)) return "never opened";
  if (volumes.some(({ proved, version }) => proved !== version)) return "finish";
  if (volumes.some(({ failed }) => failed !== undefined)) return "failing";
  return young ? "young" : "rotate";
}

/** What is under way is waited for first. A group that is not done in its time is the last one. */
export async function rotateFleet(
  parts: FleetRotationParts,
  plans: readonly KeyPlan[],
  { canary, atOnce, patience }: FleetOptions,
): Promise<FleetRotated> {
  const begun = plans.filter(({ state }) => state === "finish");
  const next = plans.filter(({ state }) => state === "rotate");
  const groups = [begun, next.slice(0, canary)];
  for (let at = canary; at < next.length; at += atOnce) groups.push(next.slice(at, at + atOnce));
  const done: string[] = [];
  const total = begun.length + next.length;
  for (const [i, group] of groups.entries()) {
    if (group.length === 0) continue;
    const { refused, keys } = await begin(parts, group);
    const waiting = await proved(parts, keys, patience, (count) =>
      parts.say(`${done.length + count} of ${total} keys${i === 1 ? ", the first ones" : ""}`),
    );
    const lacking = new Set(waiting.map(({ key }) => key));
    done.push(...[...keys].filter((key) => !lacking.has(key)));
    if (refused.length === 0 && waiting.length === 0) continue;
    const left = groups.slice(i + 1).flatMap((later) => later.map(({ key }) => key));
    return { done, waiting: waiting.map((one) => `${one.node}/${one.delivery.name}`), refused, left };
  }
  return { done, waiting: [], refused: [], left: [] };
}

async function begin({ call }: FleetRotationParts, group: readonly KeyPlan[]) {
  const keys = new Set<string>();
  const refused: { key: string; error: KeywardError }[] = [];
  for (const { key, version, state } of group) {
    try {
      if (state === "rotate")
        await call("key.rotate", {
          path: { name: parseKeyName(key) },
          body: { staged: true, expected: version },
        });
      keys.add(key);
    } catch (error) {
      if (!isKeywardError(error)) throw error;
      refused.push({ key, error });
    }
  }
  return { keys, refused };
}

/** @returns The volumes that have not come to their version in time. */
async function proved(
  { call, clock, wait, interrupted }: FleetRotationParts,
  keys: ReadonlySet<string>,
  patience: DurationMs,
  tell: (done: number) => void,
): Promise<FleetVolume[]> {
  const end = clock() + patience;
  for (;;) {
    const { volumes } = await call("disk.list", { query: {} });
    const behind = volumes.filter((one) => keys.has(one.key) && one.proved !== one.version);
    tell(keys.size - new Set(behind.map(({ key }) => key)).size);
    if (behind.length === 0 || clock() >= end || interrupted.aborted) return behind;
    await wait(LOOK_MS);
  }
}
