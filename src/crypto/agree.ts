/** X25519 (RFC 7748): private keys as 32 raw bytes, any of which will do. */
import { fromHex } from "../base/bytes.ts";
import { KeywardError } from "../base/errors.ts";
import { ownBytes } from "./memory.ts";

/** What stands before the raw key in PKCS #8 (RFC 8410, section 7). */
const pkcs8Head = fromHex("302e020100300506032b656e04220420", "PKCS #8 head");

/** 48 bytes of DER, which the caller wipes. */
export function x25519ToPkcs8(privateKey: Uint8Array): Uint8Array {
  if (privateKey.byteLength !== 32) throw new KeywardError("internal", "x25519: a private key has 32 bytes");
  const der = ownBytes(pkcs8Head.byteLength + 32);
  der.set(pkcs8Head);
  der.set(privateKey, pkcs8Head.byteLength);
  return der;
}
