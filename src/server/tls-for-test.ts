/** Real certificates for the tests of this room: a CA and what it issues. */
import { generateKeyPairSync } from "node:crypto";
import { Secret } from "../base/secret.ts";
import type { UnixMs } from "../base/time.ts";
import { systemRandom } from "../crypto/random.ts";
import {
  formatIdentity,
  type Identity,
  issueLeaf,
  makeCa,
  makeSerial,
  openIssuer,
  parseHost,
  type San,
  serverIdentity,
  type Usage,
} from "../formats/x509/x509.ts";

export interface Pair {
  readonly pem: string;
  readonly key: Secret;
}

const DAY = 86_400_000;

export async function createTestCa() {
  const now = Date.now();
  const validity = { notBefore: (now - DAY) as UnixMs, notAfter: (now + DAY) as UnixMs };
  const ca = await makeCa({ ...validity, random: systemRandom });
  const issuer = await openIssuer(ca.pem, ca.privateKey);

  async function issue(names: readonly San[], usages: readonly Usage[], dates = validity): Promise<Pair> {
    const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const pem = await issueLeaf(issuer, {
      ...dates,
      publicKey: new Uint8Array(publicKey.export({ format: "der", type: "spki" })),
      commonName: "test",
      names,
      usages,
      serial: makeSerial(systemRandom),
    });
    const key = Secret.fromText(String(privateKey.export({ format: "pem", type: "pkcs8" })));
    return { pem, key };
  }

  const hosts = [parseHost("localhost", "test"), parseHost("127.0.0.1", "test")];
  return {
    pem: ca.pem,
    fingerprint: ca.fingerprint,
    server: () => issue([...hosts, serverIdentity], ["server"]),
    /** For the same host, as it is signed for other programs. */
    otherServer: () => issue(hosts, ["client", "server"]),
    client: (identity: Identity) => issue([formatIdentity(identity)], ["client"]),
    expired: (identity: Identity) =>
      issue([formatIdentity(identity)], ["client"], {
        notBefore: (now - DAY) as UnixMs,
        notAfter: (now - 1000) as UnixMs,
      }),
    /** A certificate for servers, presented by a client. */
    otherPurpose: (identity: Identity) => issue([formatIdentity(identity)], ["server"]),
  };
}

export type TestCa = Awaited<ReturnType<typeof createTestCa>>;
