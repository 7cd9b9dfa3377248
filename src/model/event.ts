/** Event: one line of the audit log, chained by hash to the one before. It holds names, never values. */
import type { UnixMs } from "../base/time.ts";
import type { Action, NodeAction, SystemAction } from "./principal.ts";

export type Outcome = "ok" | "denied" | "failed";

export interface Event {
  /** From 1, without gaps. */
  readonly seq: number;
  readonly at: UnixMs;
  /** As `formatPrincipal` writes it. */
  readonly by: string;
  readonly action: Action | NodeAction | SystemAction;
  /** A key, node, grant, token, certificate or file, by name. */
  readonly resource: string;
  readonly outcome: Outcome;
  /** More that is not secret: a version, a query, a reason, the request's id. */
  readonly detail?: Readonly<Record<string, string | number | boolean>>;
  /** SHA-256 of the event before, lower-case hex; 64 zeros for the first. */
  readonly previous: string;
  /** SHA-256 of the canonical JSON of all members above, lower-case hex. */
  readonly hash: string;
}
