/** Refusals: what a stranger or a suspect node hears, and its event; in a flood only some have one. */
import type { Journal } from "../audit/audit.ts";
import { createFloodgate } from "../audit/floodgate.ts";
import { KeywardError } from "../base/errors.ts";
import type { Clock } from "../base/time.ts";
import type { Event } from "../model/event.ts";

export interface Refusal {
  readonly by: string;
  readonly action: Event["action"];
  /** A node's name. */
  readonly resource: string;
  readonly reason: string;
  readonly hint: string;
  /** The network address. */
  readonly from?: string;
}

/** Writes the event, then throws `denied`. */
export type Refuse = (refusal: Refusal) => Promise<never>;

export function createRefuse(journal: Journal, clock: Clock, perMinute: number): Refuse {
  const gate = createFloodgate({ clock, perMinute });
  return async ({ by, action, resource, reason, hint, from }) => {
    const passed = gate.pass();
    if (passed !== null) {
      const held = passed.heldBack > 0 && { heldBack: passed.heldBack };
      const detail = { reason, ...(from !== undefined && { from }), ...held };
      await journal.note({ by, action, resource, outcome: "denied", detail });
    }
    throw new KeywardError("denied", `node ${resource}: ${reason}`, { hint });
  };
}
