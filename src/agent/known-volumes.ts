/** Known volumes: those that this node was granted when its agent last heard of it: `volumes.json` in the state directory. */
import { fromUtf8, utf8 } from "../base/bytes.ts";
import { canonicalJson, parseJson } from "../base/json.ts";
import type { KeptRecovery } from "../disk/disk.ts";
import type { VersionNumber } from "../model/key.ts";
import type { KeyName } from "../model/name.ts";
import { parseVolumeName, type UnlockDelivery } from "../model/volume.ts";
import type { State } from "./state.ts";

/** The newest recovery key whose shares the server keeps. */
export interface RecoveryState extends KeptRecovery {
  /** Milliseconds since 1970. */
  readonly made?: number;
}

/** As a bundle names it. */
export interface GrantedVolume {
  readonly grant: string;
  readonly key: KeyName;
  /** That it should open with. */
  readonly version: VersionNumber;
  readonly delivery: UnlockDelivery;
  /** Absent unless its grant names holders. */
  readonly recovery?: RecoveryState;
}

/** One that is kept, and the version that opens it, as far as this agent has seen. */
export interface KnownVolume extends GrantedVolume {
  readonly opensWith?: VersionNumber;
}

const limits = { size: 1_048_576, depth: 8, count: 20_000 };

/** @returns Those that this node was granted last. */
export function loadVolumes(state: Pick<State, "read" | "path">): KnownVolume[] {
  const kept = state.read("volumes.json");
  if (kept === null) return [];
  const what = `${state.path}/volumes.json`;
  const { volumes } = parseJson(fromUtf8(kept.reveal(), what), what, limits) as unknown as {
    volumes: KnownVolume[];
  };
  return volumes.map((one) => ({
    ...one,
    delivery: { ...one.delivery, name: parseVolumeName(one.delivery.name) },
  }));
}

/** In order of grant. @throws KeywardError `local` */
export function saveVolumes(state: Pick<State, "write">, known: Iterable<KnownVolume>): void {
  const volumes = [...known].sort((a, b) => (a.grant < b.grant ? -1 : 1));
  state.write("volumes.json", utf8(canonicalJson({ volumes } as never)));
}

/** Of an agent that touches none: what is granted no more stays, until one that closes it hears of it. */
export function addVolumes(state: State, granted: readonly GrantedVolume[]): void {
  const known = new Map(loadVolumes(state).map((one) => [one.grant, one]));
  const before = canonicalJson([...known.values()] as never);
  for (const one of granted) known.set(one.grant, { ...known.get(one.grant), ...one });
  if (canonicalJson([...known.values()] as never) !== before) saveVolumes(state, known.values());
}
