/**
 * Revocation lists (RFC 5280 section 5): PEM, one a CA. The library takes 0.2 ms an entry on one core, so a list
 * is made when it changes and not when it is asked for.
 */
import type { UnixMs } from "../../base/time.ts";
import { der, tags } from "./der.ts";
import { type Issuer, keyIdOf, own, SIGNATURE } from "./issue.ts";
import { loadLibrary } from "./library.ts";
import { formatPem } from "./pem.ts";

export interface Revocation {
  /** Lower-case hex. */
  readonly serial: string;
  readonly at: UnixMs;
}

export interface Crl {
  readonly thisUpdate: UnixMs;
  readonly nextUpdate: UnixMs;
  readonly revoked: readonly Revocation[];
}

const CRL_NUMBER = "2.5.29.20";

/** @returns PEM. Its number is `thisUpdate`, which must grow from one list to the next. */
export async function makeCrl(issuer: Issuer, { thisUpdate, nextUpdate, revoked }: Crl): Promise<string> {
  const x509 = await loadLibrary();
  const ca = new x509.X509Certificate(issuer.pem);
  const crl = await x509.X509CrlGenerator.create({
    issuer: ca.subjectName,
    thisUpdate: new Date(thisUpdate),
    nextUpdate: new Date(nextUpdate),
    entries: revoked.map(({ serial, at }) => ({ serialNumber: serial, revocationDate: new Date(at) })),
    extensions: [
      new x509.AuthorityKeyIdentifierExtension(keyIdOf(new Uint8Array(ca.publicKey.rawData))),
      new x509.Extension(CRL_NUMBER, false, own(der(tags.integer, numberBytes(thisUpdate)))),
    ],
    signingAlgorithm: SIGNATURE,
    signingKey: issuer.key,
  });
  return formatPem("X509 CRL", new Uint8Array(crl.rawData));
}

/** Eight bytes hold milliseconds; the first is cut off while it is zero and the next does not look negative. */
function numberBytes(value: number): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(value));
  let start = 0;
  while (start < 7 && bytes[start] === 0 && (bytes[start + 1] ?? 0) < 0x80) start += 1;
  return bytes.subarray(start);
}
