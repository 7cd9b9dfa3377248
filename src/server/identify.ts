/**
 * Identify: who sends a request. A client certificate is read once a connection and its holder looked up at every
 * request, so that a revocation counts for the next one; a token is looked up at every request.
 */
import type { IncomingMessage } from "node:http";
import type { TLSSocket } from "node:tls";
import { KeywardError } from "../base/errors.ts";
import type { Principal } from "../model/principal.ts";
import type { Connection } from "./dispatch.ts";

/** What a connection's certificate says, for as long as the connection lasts. */
export interface Holder {
  /** Of a node's certificate. */
  readonly generation?: number;
  /** Who that is now. @throws KeywardError `denied` when it may no longer speak: revoked, frozen, removed. */
  principal(): Principal;
}

/** The rooms that vouch for people and machines, as far as a request needs them. */
export interface Vouchers {
  /**
   * @param certificate - DER, of a chain that OpenSSL has found to lead to a trusted CA, within its dates.
   * @throws KeywardError `unauthenticated`, `denied`
   */
  certificate(certificate: Uint8Array): Promise<Holder>;

  /**
   * @param from - The network address, for the event of a refusal.
   * @throws KeywardError `unauthenticated` for a token that is not ours, has expired or was revoked.
   */
  token(token: string, from: string): Promise<Principal>;
}

export interface Identified {
  readonly by: Principal;
  readonly connection: Connection;
}

/**
 * @param from - The network address.
 * @throws KeywardError `unauthenticated`, `denied`
 */
export type Identify = (request: IncomingMessage, from: string) => Promise<Identified>;

const anonymous: Principal = { kind: "anonymous" };

/** By connection: not a property of the socket, so that nothing else can set it. */
type Known = Holder | Promise<Holder> | KeywardError | null;

/** @param onHolder - Told once of each connection whose certificate was accepted. */
export function createIdentify(
  vouchers: Vouchers,
  onHolder: (socket: TLSSocket, principal: Principal) => void,
): Identify {
  const known = new WeakMap<TLSSocket, Known>();

  async function look(socket: TLSSocket, certificate: Uint8Array): Promise<Holder> {
    try {
      const holder = await vouchers.certificate(certificate);
      onHolder(socket, holder.principal());
      known.set(socket, holder);
      return holder;
    } catch (error) {
      if (error instanceof KeywardError && isFinal(error)) known.set(socket, error);
      else known.delete(socket);
      throw error;
    }
  }

  function meet(socket: TLSSocket): Known {
    const certificate = socket.getPeerX509Certificate();
    if (certificate === undefined) return null;
    if (!socket.authorized) return untrusted(socket.authorizationError);
    return look(socket, certificate.raw);
  }

  return async (request, from) => {
    const socket = request.socket as TLSSocket;
    let holder = known.get(socket);
    if (holder === undefined) {
      holder = meet(socket);
      known.set(socket, holder);
    }
    if (holder instanceof KeywardError) throw holder;
    const held = holder === null ? null : await holder;
    const by = held?.principal() ?? anonymous;
    const token = tokenOf(request.headers.authorization);
    // who presents both means the token; the certificate must hold nevertheless
    if (token !== null)
      return withAgain(await vouchers.token(token, from), from, () => vouchers.token(token, from));
    if (held === null) return { by, connection: { from } };
    const { connection } = withAgain(by, from, async () => held.principal());
    const { generation } = held;
    return { by, connection: generation === undefined ? connection : { ...connection, generation } };
  };
}

function withAgain(by: Principal, from: string, again: () => Promise<Principal>): Identified {
  return { by, connection: { from, again } };
}

/** What will not change while the connection lasts; a sealed or busy server may say otherwise later. */
function isFinal(error: KeywardError): boolean {
  return error.code === "unauthenticated" || error.code === "denied";
}

/** @throws KeywardError `unauthenticated` for credentials of another kind. */
function tokenOf(header: string | undefined): string | null {
  if (header === undefined) return null;
  const token = /^Bearer ([A-Za-z0-9._~+/=-]{1,512})$/i.exec(header)?.[1];
  if (token === undefined)
    throw new KeywardError("unauthenticated", "authorization header: want Bearer and a token", {
      hint: "run: keyward login",
    });
  return token;
}

const reasons: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: "has expired",
  CERT_NOT_YET_VALID: "is not valid yet: check both clocks",
  CERT_REVOKED: "is revoked",
  INVALID_PURPOSE: "is not for clients",
};

function untrusted(reason: unknown): KeywardError {
  const code = typeof reason === "string" ? reason : ((reason as { code?: string } | null)?.code ?? "");
  const why = reasons[code] ?? "is not from a CA that this server trusts";
  return new KeywardError("unauthenticated", `the client certificate ${why}`, {
    hint: "a node enrols again with a new join token; an operator asks for a new certificate",
  });
}
