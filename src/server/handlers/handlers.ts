/** Handlers: every operation and what answers it, a few lines each, by noun. */
import type { Serving } from "../serving.ts";
import { accessHandlers } from "./access.ts";
import { agentHandlers } from "./agent.ts";
import { auditHandlers } from "./audit.ts";
import { authorityHandlers } from "./authority.ts";
import { grantHandlers } from "./grants.ts";
import type { Handlers } from "./handler.ts";
import { inventoryHandlers } from "./inventories.ts";
import { keyHandlers } from "./keys.ts";
import { nodeHandlers } from "./nodes.ts";
import { pushHandlers } from "./push.ts";
import { sealHandlers } from "./seals.ts";
import { serverHandlers } from "./server.ts";

export function createHandlers(parts: Serving): Handlers {
  return {
    ...serverHandlers(parts),
    ...sealHandlers(parts),
    ...keyHandlers(parts),
    ...nodeHandlers(parts),
    ...grantHandlers(parts),
    ...inventoryHandlers(parts),
    ...accessHandlers(parts),
    ...authorityHandlers(parts),
    ...agentHandlers(parts),
    ...auditHandlers(parts),
    ...pushHandlers(parts),
  };
}
