/** Ways: all ways to the key of one of this node's volumes: its servers, and what it keeps for their absence. */
import { isKeywardError } from "../base/errors.ts";
import type { DurationMs } from "../base/time.ts";
import type { VolumeName } from "../model/volume.ts";
import { type AskParts, askVolume, type Server, type VolumeAnswer } from "./ask-volume.ts";
import { type SpareParts, spareAnswer } from "./spare-answer.ts";

export interface WaysParts extends AskParts, SpareParts {
  /** Of one store, the one to ask first before the others. */
  readonly servers: () => readonly Server[];
}

/** @param how - `alone`: also with the copy of its key that is kept here, while no server answers. @throws as `askVolume` */
export async function askAllWays(
  parts: WaysParts,
  name: VolumeName,
  budget: DurationMs,
  signal: AbortSignal,
  { alone = false } = {},
): Promise<VolumeAnswer> {
  const ways = { servers: parts.servers(), ...(alone ? { spare: () => spareAnswer(parts, name) } : {}) };
  try {
    return await askVolume(parts, ways, name, budget, signal);
  } catch (error) {
    if (isKeywardError(error, "denied")) parts.spares.forget(name);
    throw error;
  }
}
