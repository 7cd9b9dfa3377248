/**
 * Request and response shapes of every operation, as JSON Schema that TypeScript reads as types. Times are
 * milliseconds since 1970 UTC, durations are milliseconds, values and other bytes are base64.
 */
import type Type from "typebox";
import type { OperationName } from "./operations.ts";
import { accessShapes } from "./shapes/access.ts";
import { agentShapes } from "./shapes/agent.ts";
import { auditShapes } from "./shapes/audit.ts";
import { certificateShapes } from "./shapes/certificates.ts";
import { diskShapes } from "./shapes/disks.ts";
import { grantShapes } from "./shapes/grants.ts";
import { inventoryShapes } from "./shapes/inventories.ts";
import { keyShapes } from "./shapes/keys.ts";
import { nodeShapes } from "./shapes/nodes.ts";
import { pillarShapes } from "./shapes/pillar.ts";
import { pushShapes } from "./shapes/push.ts";
import { serverShapes } from "./shapes/server.ts";

/** `path` members come from the path, `query` from the query string (all text), `body` from the JSON body. */
export interface Shape {
  readonly path?: Type.TObject;
  readonly query?: Type.TObject;
  readonly body?: Type.TSchema;
  /** Absent: the answer is not JSON (a PEM, metrics). */
  readonly response?: Type.TSchema;
}

export const shapes = {
  ...serverShapes,
  ...keyShapes,
  ...nodeShapes,
  ...grantShapes,
  ...inventoryShapes,
  ...diskShapes,
  ...pillarShapes,
  ...accessShapes,
  ...certificateShapes,
  ...agentShapes,
  ...auditShapes,
  ...pushShapes,
} as const satisfies Readonly<Record<OperationName, Shape>>;

export type Shapes = typeof shapes;

type Part<N extends OperationName, P extends keyof Shape> = Shapes[N] extends {
  readonly [K in P]: infer S extends Type.TSchema;
}
  ? Type.Static<S>
  : undefined;

export type PathOf<N extends OperationName> = Part<N, "path">;
export type QueryOf<N extends OperationName> = Part<N, "query">;
export type BodyOf<N extends OperationName> = Part<N, "body">;
export type ResponseOf<N extends OperationName> = Part<N, "response">;

/** What a caller hands over: only the parts that the operation has. */
export type RequestOf<N extends OperationName> = (Shapes[N] extends { readonly path: Type.TSchema }
  ? { path: PathOf<N> }
  : unknown) &
  (Shapes[N] extends { readonly query: Type.TSchema } ? { query?: QueryOf<N> } : unknown) &
  (Shapes[N] extends { readonly body: Type.TSchema } ? { body: BodyOf<N> } : unknown) & { dryRun?: boolean };
