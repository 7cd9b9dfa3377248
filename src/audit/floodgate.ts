/**
 * Floodgate: lets so many a minute through and counts the rest. For events that strangers cause (a refused
 * login, a wrong join token): a flood of them must neither fill the disk nor pass unseen.
 */
import type { Clock } from "../base/time.ts";

export interface Floodgate {
  /** How many were held back since the last one that passed; `null`: hold this one back too. */
  pass(): { readonly heldBack: number } | null;
}

const MINUTE = 60_000;

/** @param perMinute - In each minute, counted from the first that passes. */
export function createFloodgate({ clock, perMinute }: { clock: Clock; perMinute: number }): Floodgate {
  let start = Number.NEGATIVE_INFINITY;
  let passed = 0;
  let heldBack = 0;
  return {
    pass() {
      const now = clock();
      if (now - start >= MINUTE || now < start) {
        start = now;
        passed = 0;
      }
      if (passed >= perMinute) {
        heldBack += 1;
        return null;
      }
      passed += 1;
      const held = { heldBack };
      heldBack = 0;
      return held;
    },
  };
}

export interface Floodgates {
  of(name: string): Floodgate;
}

/** A floodgate for each name. @param needs - `most`: names that are remembered; beyond it all are forgotten. */
export function createFloodgates(needs: { clock: Clock; perMinute: number; most?: number }): Floodgates {
  const { most = 20_000 } = needs;
  const gates = new Map<string, Floodgate>();
  return {
    of(name) {
      const known = gates.get(name);
      if (known !== undefined) return known;
      if (gates.size >= most) gates.clear();
      const gate = createFloodgate(needs);
      gates.set(name, gate);
      return gate;
    },
  };
}
