/** A server with everything real but the store, which is in memory: for the tests of this room and the benches. */
import { generateKeyPairSync } from "node:crypto";
import type { Api } from "../api/api.ts";
import type { OperationName } from "../api/operations.ts";
import { toBase64 } from "../base/bytes.ts";
import { Secret } from "../base/secret.ts";
import { type Clock, type DurationMs, systemClock } from "../base/time.ts";
import { createClient } from "../client/client.ts";
import { systemRandom } from "../crypto/random.ts";
import { createCsr } from "../formats/csr/csr.ts";
import type { Principal } from "../model/principal.ts";
import type { SealInput } from "../seal/seal.ts";
import { openMemory } from "../store/memory.ts";
import type { Store } from "../store/store.ts";
import { createLog } from "./log.ts";
import { createParts, type Parts } from "./parts.ts";
import { type Server, type ServerOptions, startServer } from "./server.ts";
import type { TlsKeep } from "./tls-identity.ts";
import { answerProblem } from "./validate.ts";

export const root: Principal = { kind: "local", name: "root" };
export const me = { by: root };
export const quiet = createLog({ level: "silent" });

const sealText = toBase64(systemRandom(96));
/** The key file of every test store. Made anew for each use, which wipes it. */
export const keyFile = (): SealInput => ({ kind: "file", content: Secret.fromText(sealText) });

export interface TestServer {
  readonly server: Server;
  readonly parts: Parts;
  readonly address: string;
  readonly ca: readonly string[];
  readonly keep: TlsKeep;
  /** With a token that has these rules. */
  operator(...rules: readonly string[]): Promise<Api>;
  client(who?: { token?: string; cert?: string; key?: Secret }): Api;
  /** A node that has enrolled by a join token. */
  enrol(name: string, attributes?: Record<string, string>): Promise<TestNode>;
  stop(): Promise<void>;
}

export interface TestNode {
  readonly name: string;
  readonly cert: string;
  readonly key: Secret;
  readonly api: Api;
}

export interface TestOptions {
  readonly clock?: Clock;
  readonly store?: Store;
  readonly options?: Partial<ServerOptions>;
  readonly initialised?: boolean;
}

export function createKeep(): TlsKeep {
  let text: string | null = null;
  return {
    read: () => text,
    write(next) {
      text = next;
    },
  };
}

/** The parts over a store, with root key and CA. */
export async function createTestParts({ clock = systemClock, store, initialised = true }: TestOptions = {}) {
  const parts = await createParts({
    store: store ?? openMemory(),
    clock,
    random: systemRandom,
    version: "0.0.0-test",
    log: quiet,
  });
  if (!initialised || parts.rootKey.state !== "uninitialised") return parts;
  await parts.rootKey.initialise([keyFile()]);
  await parts.afterUnseal();
  await parts.authority.initialise(me);
  return parts;
}

export async function startTestServer(test: TestOptions = {}): Promise<TestServer> {
  const parts = await createTestParts(test);
  const keep = createKeep();
  const server = await startServer(parts, {
    host: "127.0.0.1",
    port: 0,
    names: ["localhost", "127.0.0.1"],
    keep,
    graceMs: 2000,
    ...test.options,
  });
  const address = `https://127.0.0.1:${server.port}`;
  const ca = parts.authority.show().certificates.map(({ pem }) => pem);
  const clients: Api[] = [];

  function client({ token, cert, key }: { token?: string; cert?: string; key?: Secret } = {}): Api {
    const api = createClient({
      address,
      ca,
      ...(token === undefined ? {} : { token: Secret.fromText(token) }),
      ...(cert === undefined || key === undefined ? {} : { cert, key }),
      timeoutMs: 15_000,
    });
    clients.push(api);
    return checked(api);
  }

  return {
    server,
    parts,
    address,
    ca,
    keep,
    client,
    async operator(...rules) {
      const ttl = 3_600_000 as DurationMs;
      const { token } = await parts.access.createToken(me, { name: "alice", rules, ttl });
      return client({ token });
    },
    async enrol(name, attributes) {
      const bound = attributes === undefined ? { node: name } : { node: name, attributes };
      const { token } = await parts.authority.createJoinToken(me, bound);
      const { csr, key } = makeCsr(name);
      const answer = await client().call("agent.enrol", { body: { csr, token } });
      if (answer.kind !== "issued") throw new Error("not issued");
      return { name, cert: answer.certificate, key, api: client({ cert: answer.certificate, key }) };
    },
    async stop() {
      for (const api of clients) await api.close();
      await server.stop();
    },
  };
}

/** The same, and each answer is held against its shape: no member more than the shape says leaves the server. */
function checked(api: Api): Api {
  const check = <T>(name: OperationName, answer: T): T => {
    const problem = answerProblem(name, answer);
    if (problem !== null) throw new Error(`the answer of ${name}${problem}`);
    return answer;
  };
  return {
    ...api,
    call: async (name, request) => check(name, await api.call(name, request)),
    async *stream(name, request, signal) {
      for await (const line of api.stream(name, request, signal)) yield check(name, line);
    },
  };
}

/** A node's own key, PEM, and its request for a certificate. */
export function makeCsr(name: string): { csr: string; key: Secret } {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const key = Secret.fromText(String(privateKey.export({ format: "pem", type: "pkcs8" })));
  return { csr: createCsr(privateKey, name), key };
}
