/**
 * One or two layers of `ENC[NACL,…]` around a message. The deploy layer is the outer one; a service layer, where
 * there is a service key, is inside it, as text.
 */
import { utf8 } from "../../base/bytes.ts";
import { KeywardError } from "../../base/errors.ts";
import type { Secret } from "../../base/secret.ts";
import type { Random } from "../../crypto/random.ts";
import type { BoxKey } from "./keys.ts";
import { NACL_NONCE_SIZE, parseNacl, sealNacl, tryNacl } from "./nacl.ts";

/** Box keys between the daemon's master pair and the others; the same at both ends. */
export interface LayerKeys {
  readonly deploy: BoxKey;
  readonly service?: BoxKey;
}

export interface Sealed {
  readonly envelope: string;
  /** Of each layer, the outer one first. */
  readonly nonces: readonly Uint8Array[];
}

export interface Opened {
  /** The caller wipes it. */
  readonly message: Secret;
  /** Of each layer, the outer one first. */
  readonly nonces: readonly Uint8Array[];
}

export function sealLayers(keys: LayerKeys, message: Uint8Array, random: Random): Sealed {
  const nonces: Uint8Array[] = [];
  const seal = (key: BoxKey, content: Uint8Array): string => {
    const nonce = random(NACL_NONCE_SIZE);
    nonces.unshift(nonce);
    return sealNacl(key, nonce, content);
  };
  const inner = keys.service === undefined ? message : utf8(seal(keys.service, message));
  return { envelope: seal(keys.deploy, inner), nonces };
}

/**
 * @param what - Names the message in errors.
 * @throws KeywardError `malformed`, `too-large`; `wrong-key`, which names the layer that did not open.
 */
export function openLayers(keys: LayerKeys, envelope: string, what: string): Opened {
  const outer = openLayer(keys.deploy, envelope, `${what}: deploy layer`);
  if (keys.service === undefined) return { message: outer.message, nonces: [outer.nonce] };
  using text = outer.message;
  const latin1 = Buffer.from(text.reveal()).toString("latin1");
  const inner = openLayer(keys.service, latin1, `${what}: service layer`);
  return { message: inner.message, nonces: [outer.nonce, inner.nonce] };
}

function openLayer(key: BoxKey, text: string, what: string): { message: Secret; nonce: Uint8Array } {
  const envelope = parseNacl(text, what);
  const message = tryNacl(key, envelope);
  if (message !== null) return { message, nonce: envelope.nonce };
  throw new KeywardError("wrong-key", `${what}: sealed with other keys, or changed`);
}
