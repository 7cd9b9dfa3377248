/** Listener: HTTPS put together: the socket, who calls, how much they may, and the way to an operation. */
import { X509Certificate } from "node:crypto";
import type { TLSSocket } from "node:tls";
import type { Clock } from "../base/time.ts";
import type { Random } from "../crypto/random.ts";
import type { NodeName } from "../model/name.ts";
import type { Principal } from "../model/principal.ts";
import { DECRYPT_PATH, type Respond } from "./decrypt.ts";
import type { Dispatch } from "./dispatch.ts";
import { createHttps, type Https, type TlsIdentity } from "./https.ts";
import { createIdentify, type Vouchers } from "./identify.ts";
import { createBuckets, type Limits } from "./limits.ts";
import type { Log } from "./log.ts";
import type { Metrics } from "./metrics.ts";
import { createOnRequest, type OnRequest } from "./request.ts";
import { createRequestIds } from "./request-ids.ts";

export interface ListenerNeeds {
  readonly dispatch: Dispatch;
  readonly vouchers: Vouchers;
  readonly identity: TlsIdentity;
  readonly limits: Limits;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly random: Random;
  /** Answers Secretary's clients; absent: nobody does. */
  readonly secretary?: Respond;
}

export interface Listener extends Https {
  /** End every connection of a node, after what is being written to it. */
  dropNode(node: NodeName): void;
}

/** For a last line to leave. */
const DROP_MS = 1000;

export function createListener(needs: ListenerNeeds): Listener {
  const { limits, clock, random, vouchers, metrics } = needs;
  const ofNode = new Map<NodeName, Set<TLSSocket>>();
  const certified = new Set<TLSSocket>();
  let trusted = needs.identity.trusted;

  function onHolder(socket: TLSSocket, principal: Principal): void {
    certified.add(socket);
    socket.once("close", forget);
    if (principal.kind !== "node") return;
    const { name } = principal;
    const sockets = ofNode.get(name) ?? new Set();
    ofNode.set(name, sockets.add(socket));
    socket.once("close", () => {
      sockets.delete(socket);
      if (sockets.size === 0 && ofNode.get(name) === sockets) ofNode.delete(name);
    });
  }

  function forget(this: TLSSocket): void {
    certified.delete(this);
  }

  /** OpenSSL has looked at a connection's certificate once; a CA may lose its trust while the connection lasts. */
  function dropDistrusted(): void {
    const authorities = trusted.map((pem) => new X509Certificate(pem));
    for (const socket of certified) {
      const certificate = socket.getPeerX509Certificate();
      if (!authorities.some((ca) => certificate?.checkIssued(ca) === true)) socket.destroy();
    }
  }

  const https = createHttps({
    identity: needs.identity,
    limits,
    metrics,
    onRequest: withSecretary(
      needs.secretary,
      createOnRequest({
        ...needs,
        identify: createIdentify(vouchers, onHolder),
        buckets: {
          principal: createBuckets(limits.perPrincipal, clock),
          node: createBuckets(limits.perNode, clock),
          denied: createBuckets(limits.deniedPerPrincipal, clock),
          lines: createBuckets(limits.publicLines, clock),
          public: createBuckets(limits.publicPerAddress, clock),
          refused: createBuckets(limits.refusedPerAddress, clock),
        },
        nextId: createRequestIds(random),
      }),
    ),
  });
  const { setIdentity } = https;
  return Object.assign(https, {
    setIdentity(next: TlsIdentity) {
      const isNarrower = trusted.some((pem) => !next.trusted.includes(pem));
      trusted = next.trusted;
      setIdentity(next);
      if (isNarrower) dropDistrusted();
    },
    dropNode(node: NodeName) {
      const sockets = [...(ofNode.get(node) ?? [])];
      setTimeout(() => {
        for (const socket of sockets) socket.destroy();
      }, DROP_MS).unref();
    },
  });
}

/** Its clients send a form and know no other way, so they are told apart before anything else. */
function withSecretary(secretary: Respond | undefined, onRequest: OnRequest): OnRequest {
  if (secretary === undefined) return onRequest;
  return (request, response) => {
    if ((request.url ?? "").split("?", 1)[0] === DECRYPT_PATH) void secretary(request, response);
    else onRequest(request, response);
  };
}
