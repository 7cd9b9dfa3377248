/** Serving: what answers operations, made of the parts: streams, figures and the one way to every handler. */
import { createFloodgate } from "../audit/floodgate.ts";
import type { NodeName } from "../model/name.ts";
import { createDispatch, type Dispatch } from "./dispatch.ts";
import { createHandlers } from "./handlers/handlers.ts";
import { createWheel, type Wheel } from "./heartbeat.ts";
import type { Metrics } from "./metrics.ts";
import type { Parts } from "./parts.ts";
import { createPushing, type Pushing } from "./pushing.ts";
import { quietMetrics } from "./quiet-metrics.ts";
import { trustedOf } from "./trusted.ts";
import { createWatches, type Watches } from "./watch.ts";

/** Parts, and what handlers need besides. */
export interface Serving extends Parts, Pushing {
  readonly watches: Watches;
  /** Blank lines for streams that may be quiet for long. */
  readonly heartbeat: Wheel<Beating>;
  readonly metrics: Metrics;
}

/** A stream that wants to be visited now and then. */
export interface Beating {
  visit(): void;
  /** The server stops. */
  end(): void;
}

export interface Service {
  readonly dispatch: Dispatch;
  readonly pusher: Pushing["pusher"];
  /** Ends all streams. */
  close(): void;
}

export interface ServiceNeeds {
  /** Nothing is counted unless given. */
  readonly metrics?: Metrics;
  /** A node was revoked. */
  readonly onRefused?: (node: NodeName) => void;
  readonly heartbeatMs?: number;
}

const REFUSALS_PER_MINUTE = 60;

export function createService(parts: Parts, needs: ServiceNeeds = {}): Service {
  const { fleet, authority, rootKey, journal, clock, log } = parts;
  const { metrics = quietMetrics, onRefused = () => {}, heartbeatMs = 25_000 } = needs;
  const heartbeat = createWheel<Beating>(heartbeatMs, (stream) => stream.visit());
  const watches = createWatches({
    bundleFor: fleet.bundleFor,
    changed: fleet.changed,
    trusted: () => trustedOf(authority),
    onRefused,
    onBundle: metrics.bundle,
    log,
    heartbeatMs,
  });
  const stopTrust = authority.onTrustChange(() => watches.refresh());
  const pushing = createPushing(parts, metrics.push);
  const handlers = createHandlers({ ...parts, ...pushing, rootKey, watches, heartbeat, metrics });
  const floodgate = createFloodgate({ clock, perMinute: REFUSALS_PER_MINUTE });
  return {
    pusher: pushing.pusher,
    dispatch: createDispatch({ rootKey, journal, handlers, floodgate }),
    close() {
      stopTrust();
      watches.close();
      heartbeat.stop((stream) => stream.end());
    },
  };
}
