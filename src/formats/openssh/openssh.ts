/** OpenSSH: private key files without a passphrase, and public key lines, for ed25519, RSA and ECDSA. */
export { ecdsaFromSec1, rsaFromPkcs1 } from "./from-der.ts";
export { decodePrivateKey, encodePrivateKey, publicKeyOf, type SshPrivateKey } from "./private-key.ts";
export {
  decodePublicKey,
  encodePublicKey,
  fingerprintOf,
  formatPublicLine,
  parsePublicLine,
  type SshCurve,
  type SshPublicKey,
} from "./public-key.ts";
