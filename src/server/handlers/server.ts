/** The server itself: is it there, what does it offer, how is it doing. */

import { openapi } from "../openapi.ts";
import type { Serving } from "../serving.ts";
import type { HandlersOf } from "./handler.ts";

export function serverHandlers(
  parts: Pick<Serving, "store" | "rootKey" | "fleet" | "journal" | "metrics" | "version" | "started">,
): HandlersOf<"server"> {
  const { store, rootKey, fleet, journal, metrics, version, started } = parts;
  return {
    "server.status": async () => {
      const { nodes, watching } = fleet.status();
      return {
        Status: "OK",
        state: rootKey.state,
        version,
        revision: await store.revision(),
        nodes: nodes.pending + nodes.active + nodes.frozen + nodes.revoked,
        connected: watching,
        started,
      };
    },
    "server.openapi": () => openapi(version),
    "server.metrics": async (caller) => {
      // who may is checked; that somebody looked, every 15 seconds, is no news for the log
      await journal.act({ ...caller, dryRun: true, action: "metrics:read", resource: "metrics" }, () => {});
      return await metrics.text();
    },
  };
}
