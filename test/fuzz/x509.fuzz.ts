/** Certificates, requests and names from outside: whatever the bytes, an answer or a KeywardError. */
import { generateKeyPairSync } from "node:crypto";
import { isKeywardError } from "../../src/base/errors.ts";
import type { UnixMs } from "../../src/base/time.ts";
import { systemRandom } from "../../src/crypto/random.ts";
import { createCsr } from "../../src/formats/csr/csr.ts";
import { readSans } from "../../src/formats/x509/san.ts";
import {
  formatPem,
  identityOf,
  issueLeaf,
  makeCa,
  makeSan,
  makeSerial,
  openIssuer,
  parsePem,
  parseRequest,
  readCertificate,
} from "../../src/formats/x509/x509.ts";

function attempt(read: () => unknown): void {
  try {
    read();
  } catch (error) {
    if (!isKeywardError(error)) throw error;
  }
}

async function makeExamples(): Promise<Uint8Array[]> {
  const dates = { notBefore: 0 as UnixMs, notAfter: 86_400_000 as UnixMs };
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const ca = await makeCa({ ...dates, random: systemRandom });
  const leaf = await issueLeaf(await openIssuer(ca.pem, ca.privateKey), {
    ...dates,
    publicKey: new Uint8Array(publicKey.export({ format: "der", type: "spki" })),
    commonName: "db1",
    names: [
      makeSan("dns", "a.example", "name"),
      makeSan("ip", "2001:db8::1", "name"),
      makeSan("email", "a@b.example", "name"),
      makeSan("uri", "keyward://node/db1?generation=1", "name"),
    ],
    usages: ["client", "server"],
    serial: makeSerial(systemRandom),
  });
  const request = createCsr(privateKey, "db1");
  return [
    parsePem(leaf, "CERTIFICATE", 9999),
    parsePem(request, "CERTIFICATE REQUEST", 9999),
    Buffer.from(request),
  ];
}

export default {
  name: "x509",
  examples: await makeExamples(),
  run(bytes: Uint8Array): void {
    const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
    attempt(() => identityOf(readCertificate(bytes).names));
    attempt(() => parseRequest(formatPem("CERTIFICATE REQUEST", bytes)));
    attempt(() => parseRequest(text));
    attempt(() => identityOf(readSans(bytes, "names")));
  },
};
