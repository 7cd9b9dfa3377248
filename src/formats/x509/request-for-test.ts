/** Certificate requests of any content, signed, also such as no honest program would make. For tests. */
import { createPublicKey, type KeyObject, sign } from "node:crypto";
import { fromHex, utf8 } from "../../base/bytes.ts";
import { context, der, tags } from "./der.ts";
import { formatPem } from "./pem.ts";

const oid = (content: string): Uint8Array => der(tags.oid, fromHex(content, "object identifier"));

/**
 * @param key - On P-256, or Ed25519.
 * @param generalNames - Each one a whole element; the extension is left out when this is absent.
 * @returns PEM.
 */
export function makeRequest(
  key: KeyObject,
  commonName: string,
  generalNames?: readonly Uint8Array[],
): string {
  const ec = key.asymmetricKeyType === "ec";
  const name = der(tags.sequence, oid("550403"), der(tags.utf8String, utf8(commonName)));
  const info = der(
    tags.sequence,
    der(tags.integer, new Uint8Array([0])),
    der(tags.sequence, der(tags.set, name)),
    createPublicKey(key).export({ format: "der", type: "spki" }),
    der(context(0), ...(generalNames === undefined ? [] : [extensionRequest(generalNames)])),
  );
  const algorithm = der(tags.sequence, oid(ec ? "2a8648ce3d040302" : "2b6570"));
  const signature = der(tags.bitString, new Uint8Array([0]), sign(ec ? "sha256" : null, info, key));
  return formatPem("CERTIFICATE REQUEST", der(tags.sequence, info, algorithm, signature));
}

function extensionRequest(generalNames: readonly Uint8Array[]): Uint8Array {
  const names = der(tags.octetString, der(tags.sequence, ...generalNames));
  const extension = der(tags.sequence, oid("551d11"), names);
  return der(tags.sequence, oid("2a864886f70d01090e"), der(tags.set, der(tags.sequence, extension)));
}
