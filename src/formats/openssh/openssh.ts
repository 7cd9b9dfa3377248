/**
 * OpenSSH: private key files without a passphrase, public key lines, certificates and revocation lists, for ed25519,
 * RSA and ECDSA.
 */
export {
  decodeCertificate,
  formatCertificateLine,
  parseCertificateLine,
  type SshCertificate,
  signCertificate,
} from "./certificate.ts";
export { ecdsaFromSec1, rsaFromPkcs1 } from "./from-der.ts";
export { encodeKrl, type RevokedSshKeys } from "./krl.ts";
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
