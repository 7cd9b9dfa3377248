/**
 * Pin: first contact with a server whose CA is not known yet. The server presents its chain up to the root;
 * the root is taken on trust only when its fingerprint is the one that the operator was given.
 */
import { createHash, timingSafeEqual } from "node:crypto";
import { connect, type DetailedPeerCertificate } from "node:tls";
import { fromHex } from "../base/bytes.ts";
import { KeywardError } from "../base/errors.ts";
import { createClient, parseAddress } from "./client.ts";
import { connectionError } from "./connection-error.ts";

export interface Presented {
  /** The root, PEM. Not trusted by having been presented. */
  readonly pem: string;
  /** SHA-256 of its DER, lower-case hex. */
  readonly fingerprint: string;
}

/**
 * What the server at this address presents. For showing to a person, or for comparing.
 *
 * @throws KeywardError `unreachable`; `integrity` when the chain does not end in a root.
 */
export function presentedRoot(address: string, timeoutMs = 10_000): Promise<Presented> {
  const url = parseAddress(address);
  const host = url.hostname.replace(/^\[|\]$/g, "");
  return new Promise((resolve, reject) => {
    const socket = connect({
      host,
      port: Number(url.port),
      minVersion: "TLSv1.3",
      // nothing is sent and nothing is believed on this connection but the certificate's own hash
      rejectUnauthorized: false,
      ...(/^[0-9.]+$|:/.test(host) ? {} : { servername: host }),
    });
    const fail = (error: unknown): void => {
      socket.destroy();
      reject(connectionError(url.host, error));
    };
    socket.setTimeout(timeoutMs, () => fail(Object.assign(new Error("timeout"), { code: "ETIMEDOUT" })));
    socket.once("error", fail);
    socket.once("secureConnect", () => {
      const root = rootOf(socket.getPeerCertificate(true));
      if (root === null) return fail(noRoot(url.host));
      socket.destroy();
      resolve(root);
    });
  });
}

/**
 * Trust the server whose root has this fingerprint.
 *
 * @param fingerprint - SHA-256 of the root's DER, 64 lower-case hex digits.
 * @returns All CA certificates that the server wants trusted, PEM; the pinned one is the first.
 * @throws KeywardError `integrity` when another root is presented; `unreachable`.
 */
export async function pinServer(address: string, fingerprint: string, timeoutMs = 10_000): Promise<string[]> {
  const wanted = fromHex(fingerprint, "CA fingerprint");
  const root = await presentedRoot(address, timeoutMs);
  const found = fromHex(root.fingerprint, "CA fingerprint");
  if (wanted.byteLength !== found.byteLength || !timingSafeEqual(wanted, found)) {
    throw new KeywardError("integrity", `${address}: presents another CA, ${root.fingerprint}`, {
      hint: "compare with `keyward ca show` on the server: someone may be between you and it",
    });
  }
  // this connection is verified: the chain must lead to the pinned root, for this name
  const client = createClient({ address, ca: [root.pem], timeoutMs });
  try {
    const { certificates } = await client.call("ca.show", {});
    return [root.pem, ...certificates.filter((one) => one.fingerprint !== fingerprint).map((one) => one.pem)];
  } finally {
    await client.close();
  }
}

/** The end of the chain, if it is its own issuer. */
function rootOf(leaf: DetailedPeerCertificate): Presented | null {
  let at = leaf;
  for (let depth = 0; depth < 8 && at.issuerCertificate !== undefined && at.issuerCertificate !== at; depth++)
    at = at.issuerCertificate;
  if (at.raw === undefined || at.issuerCertificate !== at) return null;
  const base64 = at.raw.toString("base64").replace(/.{64}(?!$)/g, "$&\n");
  return {
    pem: `-----BEGIN CERTIFICATE-----\n${base64}\n-----END CERTIFICATE-----\n`,
    fingerprint: createHash("sha256").update(at.raw).digest("hex"),
  };
}

function noRoot(host: string): KeywardError {
  return new KeywardError("integrity", `${host}: does not present its root certificate`, {
    hint: "is this a Keyward server? check the address",
  });
}
