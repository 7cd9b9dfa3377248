/**
 * X.509: certificates, requests and revocation lists. Reading is Keyward's own, strict and without a library;
 * writing is @peculiar/x509's, loaded when something is written; verifying signatures is OpenSSL's.
 *
 * Spec: docs/formats/x509.md.
 */
export { type CertificateFacts, parseCertificate, readCertificate } from "./certificate.ts";
export { type Crl, makeCrl, type Revocation } from "./crl.ts";
export {
  formatIdentity,
  type Identity,
  identityOf,
  isReserved,
  isServer,
  serverIdentity,
} from "./identity.ts";
export {
  crossSign,
  type Issuer,
  issueLeaf,
  type Leaf,
  makeCa,
  makeSerial,
  type NewCa,
  openIssuer,
  type Usage,
} from "./issue.ts";
export { formatPem, parsePem } from "./pem.ts";
export { fingerprintOf, openPublicKey } from "./public-key.ts";
export { type CertificateRequest, parseRequest } from "./request.ts";
export { makeSan, parseHost, type San } from "./san.ts";
