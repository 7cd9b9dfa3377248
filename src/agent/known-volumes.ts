/** Known volumes: those that this node was granted when its agent last heard of it: `volumes.json` in the state directory. */
import { fromUtf8 } from "../base/bytes.ts";
import { parseJson } from "../base/json.ts";
import type { VersionNumber } from "../model/key.ts";
import type { KeyName } from "../model/name.ts";
import { parseVolumeName, type UnlockDelivery } from "../model/volume.ts";
import type { State } from "./state.ts";

/** As a bundle names it. */
export interface GrantedVolume {
  readonly grant: string;
  readonly key: KeyName;
  /** That it should open with. */
  readonly version: VersionNumber;
  readonly delivery: UnlockDelivery;
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
