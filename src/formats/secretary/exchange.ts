/**
 * A request and its response, sealed and opened. Box keys are the same in both directions and nothing in the
 * original's messages ties one to the other, so the client's side looks for its own nonces in the answer (a
 * request sent back) and for its request's id (an old answer).
 */
import { timingSafeEqual } from "node:crypto";
import { KeywardError } from "../../base/errors.ts";
import type { Secret } from "../../base/secret.ts";
import type { Random } from "../../crypto/random.ts";
import { type LayerKeys, openLayers, type Sealed, sealLayers } from "./layers.ts";
import { type DecryptRequest, decodeRequest, encodeRequest } from "./request.ts";
import { type AlsoAnswered, type DecryptResponse, decodeResponse, encodeResponse } from "./response.ts";

/** What the client remembers until the answer comes. */
export interface Asked {
  readonly nonces: readonly Uint8Array[];
  readonly requestId?: string;
}

export interface Answered {
  /** The caller wipes it. */
  readonly value: Secret;
  /** The daemon sent the request's id back: from now on it must. */
  readonly tied: boolean;
  /** Of the further envelopes; absent from a daemon that answers the first alone. The caller wipes the values. */
  readonly also?: readonly AlsoAnswered[];
}

export function sealRequest(keys: LayerKeys, request: DecryptRequest, random: Random): Sealed {
  return sealLayers(keys, encodeRequest(request), random);
}

/**
 * @returns The request, and the outer layer's nonce: an honest client never uses one twice.
 * @throws KeywardError `malformed`, `too-large`, `wrong-key`
 */
export function openRequest(
  keys: LayerKeys,
  envelope: string,
): { readonly request: DecryptRequest; readonly nonce: Uint8Array } {
  const { message, nonces } = openLayers(keys, envelope, "request");
  using plain = message;
  return { request: decodeRequest(plain.reveal()), nonce: nonces[0] as Uint8Array };
}

/** Exactly one envelope and nothing after it: a line feed would break the original's client. */
export function sealResponse(keys: LayerKeys, response: DecryptResponse, random: Random): string {
  using message = encodeResponse(response);
  return sealLayers(keys, message.reveal(), random).envelope;
}

/**
 * @param asked - What was sent; `mustTie` once this daemon has been seen to send ids back.
 * @throws KeywardError `malformed`, `too-large`, `wrong-key`; `integrity` when the answer belongs to something
 *   else.
 */
export function openResponse(keys: LayerKeys, envelope: string, asked: Asked, mustTie = false): Answered {
  const { message, nonces } = openLayers(keys, envelope, "response");
  using plain = message;
  if (nonces.some((nonce) => asked.nonces.some((own) => timingSafeEqual(nonce, own))))
    throw foreign("it is the request sent back");
  const { value, requestId, also } = decodeResponse(plain.reveal());
  const tied = requestId !== undefined && requestId === asked.requestId;
  if (tied || (requestId === undefined && !mustTie))
    return { value, tied, ...(also === undefined ? {} : { also }) };
  for (const answer of [{ value }, ...(also ?? [])]) if ("value" in answer) answer.value.wipe();
  throw foreign("it answers another request");
}

function foreign(wrong: string): KeywardError {
  return new KeywardError("integrity", `response: ${wrong}`, {
    hint: "someone between here and the daemon may have changed the answer",
  });
}
