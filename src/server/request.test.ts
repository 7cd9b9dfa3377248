import assert from "node:assert/strict";
import type { IncomingMessage, ServerResponse } from "node:http";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { systemClock } from "../base/time.ts";
import type { Dispatch } from "./dispatch.ts";
import { createBuckets, defaultLimits } from "./limits.ts";
import { createLog } from "./log.ts";
import { quietMetrics } from "./quiet-metrics.ts";
import { createOnRequest } from "./request.ts";

test("a flood of strangers' requests leaves few lines in the log", async () => {
  const lines: string[] = [];
  const buckets = (burst: number) => createBuckets({ perSecond: 0, burst }, systemClock);
  const many = buckets(1_000_000);
  const onRequest = createOnRequest({
    dispatch: {} as Dispatch,
    identify: async () => ({ by: { kind: "anonymous" }, connection: {} }),
    limits: defaultLimits,
    buckets: { principal: many, node: many, public: many, refused: many, denied: many, lines: buckets(3) },
    log: createLog({ to: { write: (line) => void lines.push(line) } }),
    metrics: quietMetrics,
    nextId: () => "1",
  });
  const socket = { remoteAddress: "192.0.2.1" };
  const request = { method: "GET", url: "/nowhere", headers: {}, socket } as IncomingMessage;
  for (let i = 0; i < 10; i++) onRequest(request, { destroyed: true } as ServerResponse);
  await turn();
  assert.equal(lines.length, 3);
});
