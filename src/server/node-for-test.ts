/** A node as the tests of the server see it: what comes down its watch, and what it reports. */
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import type { ResponseOf } from "../api/shapes.ts";
import { fromBase64, toBase64, utf8 } from "../base/bytes.ts";
import { isKeywardError, type KeywardError } from "../base/errors.ts";
import { Secret } from "../base/secret.ts";
import { prove } from "../fleet/fleet.ts";
import type { VersionNumber } from "../model/key.ts";
import type { KeyName, NodeName } from "../model/name.ts";
import type { TestNode } from "./server-for-test.ts";

type Bundle = ResponseOf<"agent.watch">;

/** A value, as bodies and bundles have it. */
export const value = (text: string): string => toBase64(utf8(text));
export const file = (path: string) => ({ kind: "file", path, mode: 0o400, offline: "never" }) as const;
export const refused = (code: KeywardError["code"], message?: RegExp) => (error: unknown) => {
  assert.ok(isKeywardError(error, code), String(error));
  if (message !== undefined) assert.match(error.message, message);
  return true;
};

/** A watch whose lines can be waited for. */
export function watch(node: TestNode, held: Bundle["entries"] = []) {
  const stop = new AbortController();
  const lines: Bundle[] = [];
  let done: unknown = null;
  const run = (async () => {
    const body = { held: held.map(({ key, version }) => ({ key, version })) };
    for await (const line of node.api.stream("agent.watch", { body }, stop.signal)) lines.push(line);
    done = "ended";
  })().catch((error: unknown) => {
    done = error;
  });
  return {
    lines,
    stop: () => stop.abort(),
    async next(count: number): Promise<Bundle> {
      for (let i = 0; lines.length < count && i < 500; i++) await sleep(10);
      const line = lines[count - 1];
      assert.ok(line, `line ${count} did not come`);
      return line;
    },
    async ended(): Promise<unknown> {
      await run;
      return done;
    },
  };
}

export async function report(node: TestNode, bundle: Bundle) {
  const proofs = bundle.entries.map(({ key, version, value: text = "" }) => {
    const claim = { node: node.name as NodeName, key: key as KeyName, version: version as VersionNumber };
    const proof = prove(
      fromBase64(bundle.challenge, "challenge"),
      claim,
      Secret.take(fromBase64(text, "value")),
    );
    return { key, version, proof: toBase64(proof) };
  });
  const body = { challenge: bundle.challenge, proofs, withdrawn: [], drift: [], failures: [] };
  return await node.api.call("agent.report", { body });
}
