/** The server's own certificate: for its names, with everything that a client needs to accept it. */
import { generateKeyPairSync } from "node:crypto";
import type { Journal } from "../audit/audit.ts";
import { Secret } from "../base/secret.ts";
import type { Clock, UnixMs } from "../base/time.ts";
import type { Random } from "../crypto/random.ts";
import { issueLeaf, makeSerial, parseHost, serverIdentity } from "../formats/x509/x509.ts";
import type { CaKeeper } from "./ca.ts";
import { BACKDATE, otherCertificates } from "./issued.ts";
import { resourceOf } from "./names.ts";

export interface ServerCertificate {
  /**
   * PEM: the certificate, cross-certificates, then every trusted CA, the one that issues first. In this order OpenSSL
   * finds the way to an old CA as well as to the new one; with the CAs before the cross-certificates it does not.
   */
  readonly chain: string;
  /** The private key, PKCS #8, PEM. The server decides where it lives. */
  readonly key: Secret;
  /** PEM: the CAs whose client certificates are accepted. */
  readonly trusted: readonly string[];
  readonly notAfter: UnixMs;
  /** Ask for the next one then, or when the trusted CAs change. */
  readonly renew: UnixMs;
}

export interface ServerCertificates {
  /**
   * A new key and its certificate for 90 days.
   *
   * @param names - DNS names and addresses.
   * @throws KeywardError `sealed`, `uninitialised`; `malformed` for something that is neither.
   */
  serverCertificate(names: readonly string[]): Promise<ServerCertificate>;
}

export interface ServerCertificatesNeeds {
  readonly journal: Journal;
  readonly ca: CaKeeper;
  readonly clock: Clock;
  readonly random: Random;
}

const LIFE = 90 * 86_400_000;

export function createServerCertificates(needs: ServerCertificatesNeeds): ServerCertificates {
  const { journal, ca, clock, random } = needs;
  return {
    async serverCertificate(texts) {
      await ca.ready;
      const names = texts.map((text) => parseHost(text, "server name"));
      const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
      const by = { kind: "system", name: "server" } as const;
      return journal.act({ by, action: "cert:sign", resource: "server" }, async (tx, detail) => {
        const issuing = ca.issuing();
        const issued = clock();
        const notAfter = Math.min(issued + LIFE, issuing.notAfter) as UnixMs;
        const serial = makeSerial(random);
        const pem = await issueLeaf(await ca.open(issuing), {
          publicKey: new Uint8Array(publicKey.export({ format: "der", type: "spki" })),
          commonName: texts[0] ?? "",
          names: [...names, serverIdentity],
          usages: ["server"],
          serial,
          notBefore: (issued - BACKDATE) as UnixMs,
          notAfter,
        });
        const row = { serial, issuer: issuing.fingerprint, issued, notAfter, by: "system:server" };
        otherCertificates.put(tx, { ...row, subject: texts[0] ?? "", names: names.map(resourceOf) });
        Object.assign(detail, { serial, names: texts.join(" ") });
        const key = Secret.fromText(String(privateKey.export({ format: "pem", type: "pkcs8" })));
        const renew = (issued + ((notAfter - issued) * 2) / 3) as UnixMs;
        const trusted = ca.trusted().map((one) => one.pem);
        return { chain: [pem, ...ca.chain()].join(""), key, trusted, notAfter, renew };
      });
    },
  };
}
