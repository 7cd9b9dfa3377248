/** A listener over real TLS with a few handlers of its own, for the tests of what happens before a handler. */
import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { connect as connectTls, type TLSSocket } from "node:tls";
import type { Api } from "../api/api.ts";
import { createFloodgate } from "../audit/floodgate.ts";
import { isKeywardError, KeywardError } from "../base/errors.ts";
import { Secret } from "../base/secret.ts";
import { systemClock } from "../base/time.ts";
import { createClient } from "../client/client.ts";
import { systemRandom } from "../crypto/random.ts";
import { identityOf, readCertificate } from "../formats/x509/x509.ts";
import type { NodeName } from "../model/name.ts";
import type { Principal } from "../model/principal.ts";
import { createDispatch } from "./dispatch.ts";
import type { Handlers } from "./handlers/handler.ts";
import type { Vouchers } from "./identify.ts";
import { defaultLimits, type Limits } from "./limits.ts";
import { createListener, type Listener } from "./listener.ts";
import { createLog } from "./log.ts";
import { createMetrics } from "./metrics.ts";
import type { Sink } from "./sink.ts";
import { createTestCa, type Pair } from "./tls-for-test.ts";

export const admin: Principal = {
  kind: "operator",
  name: "alice",
  rules: [{ name: "admin", allow: [{ actions: "*", prefix: "" }] }],
};
export const db1 = { kind: "node", name: "db1" as NodeName, generation: 1 } as const;
export const revoked = new Set<string>();
export const notes: string[] = [];
export const sinks: Sink[] = [];
/** What `key.get` waits for, and how many do. */
export const slow: { until: Promise<void>; waiting: number } = { until: Promise.resolve(), waiting: 0 };

/** As many handlers as these tests call; the rest are the business of their own tests. */
const handlers = {
  "server.status": () => ({ Status: "OK" }),
  "access.whoami": (caller: { by: Principal }) => ({ principal: caller.by.kind, rules: [] }),
  "key.put": (_: unknown, input: { path: { name: string } }) => ({ name: input.path.name, version: 1 }),
  "key.get": async () => {
    slow.waiting++;
    await slow.until;
    slow.waiting--;
    return { name: "a", version: 1, value: "" };
  },
  "key.show": () => {
    throw new Error("a programming error that names hunter2");
  },
  "ca.show": () => ({
    certificates: [{ pem: ca.pem, fingerprint: ca.fingerprint, notAfter: 0, state: "issuing" }],
  }),
  "ca.crl": () => "crl",
  "agent.bundle": () => ({ revision: 1, entries: [], challenge: "", ca: [] }),
  "agent.watch": (_caller: unknown, _input: unknown, sink: Sink) => {
    sinks.push(sink);
    sink.write('{"revision":1}');
  },
} as unknown as Handlers;

const vouchers: Vouchers = {
  async certificate(der) {
    const identity = identityOf(readCertificate(der).names);
    if (identity === null) throw new KeywardError("unauthenticated", "not ours");
    return {
      principal() {
        if (revoked.has(identity.name)) throw new KeywardError("denied", `${identity.name} is revoked`);
        return identity.kind === "node"
          ? { kind: "node", name: identity.name }
          : { kind: "operator", name: identity.name, rules: admin.rules };
      },
    };
  },
  async token(text) {
    if (text === "good") return admin;
    throw new KeywardError("unauthenticated", "token: not accepted");
  },
};

export const ca = await createTestCa();
const server = await ca.server();
const open: Listener[] = [];
const clients: Api[] = [];
export const logged: string[] = [];

export async function start(
  limits: Partial<Limits> = {},
): Promise<{ listener: Listener; port: number; address: string }> {
  const listener = createListener({
    dispatch: createDispatch({
      rootKey: { state: "unsealed" },
      journal: { note: async ({ by, action }) => void notes.push(`${by} ${action}`) },
      handlers,
      floodgate: createFloodgate({ clock: systemClock, perMinute: 3 }),
    }),
    vouchers,
    identity: { chain: server.pem + ca.pem, key: server.key, trusted: [ca.pem] },
    limits: { ...defaultLimits, ...limits },
    log: createLog({ level: "debug", to: { write: (line) => void logged.push(line) } }),
    metrics: createMetrics({
      watchers: () => 0,
      connections: () => 0,
      pushesDown: () => 0,
      unsealed: () => true,
    }),
    clock: systemClock,
    random: systemRandom,
  });
  open.push(listener);
  const { port } = await listener.listen(0, "127.0.0.1");
  return { listener, port, address: `https://127.0.0.1:${port}` };
}

export function client(address: string, who: { token?: string; pair?: Pair; trust?: string } = {}): Api {
  const api = createClient({
    address,
    ca: [who.trust ?? ca.pem],
    ...(who.token === undefined ? {} : { token: Secret.fromText(who.token) }),
    ...(who.pair === undefined ? {} : { cert: who.pair.pem, key: who.pair.key }),
    timeoutMs: 10_000,
  });
  clients.push(api);
  return api;
}

export function raw(port: number, pair?: Pair): TLSSocket {
  const socket = connectTls({
    port,
    host: "127.0.0.1",
    ca: [ca.pem],
    servername: "localhost",
    ...(pair === undefined ? {} : { cert: pair.pem, key: Buffer.from(pair.key.reveal()) }),
  });
  return socket.on("error", () => {});
}

export async function readAll(socket: Socket): Promise<string> {
  let text = "";
  socket.on("data", (chunk) => {
    text += String(chunk);
  });
  // not once(), which would take an error before the close for a failure
  if (!socket.closed) await new Promise((resolve) => socket.once("close", resolve));
  return text;
}

export const refusedWith = (code: KeywardError["code"], message: RegExp) => (error: unknown) => {
  assert.ok(isKeywardError(error, code), String(error));
  assert.match(error.message, message);
  return true;
};

export async function stopAll(): Promise<void> {
  for (const api of clients) await api.close();
  for (const listener of open) await listener.stop(0);
}
