/**
 * Pin: first contact with a server whose CA is not known yet. The server presents its chain up to the root;
 * the root is taken on trust only when its fingerprint is the one that the operator was given.
 */
import { createHash, timingSafeEqual, X509Certificate } from "node:crypto";
import { request } from "node:https";
import { connect, type DetailedPeerCertificate } from "node:tls";
import { formatPath } from "../api/paths.ts";
import { fromHex, toHex } from "../base/bytes.ts";
import { KeywardError } from "../base/errors.ts";
import { parseJson } from "../base/json.ts";
import { readText } from "./answer.ts";
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
 * Trust the server whose root has this fingerprint. While a CA is being replaced there are two; either will do.
 *
 * @param fingerprint - SHA-256 of the root's DER, 64 lower-case hex digits.
 * @returns All CA certificates that the server wants trusted, PEM; the pinned one is the first.
 * @throws KeywardError `integrity` when no root with this fingerprint is presented; `unreachable`.
 */
export async function pinServer(address: string, fingerprint: string, timeoutMs = 10_000): Promise<string[]> {
  const wanted = fromHex(fingerprint, "CA fingerprint");
  const root = await presentedRoot(address, timeoutMs);
  const pem = isEqual(fromHex(root.fingerprint, "CA fingerprint"), wanted)
    ? root.pem
    : await offeredRoot(address, wanted, timeoutMs);
  if (pem === null) {
    throw new KeywardError("integrity", `${address}: presents another CA, ${root.fingerprint}`, {
      hint: "compare with `keyward ca show` on the server: someone may be between you and it",
    });
  }
  // this connection is verified: the chain must lead to the pinned root, for this name
  const client = createClient({ address, ca: [pem], timeoutMs });
  try {
    const { certificates } = await client.call("ca.show", {});
    return [pem, ...certificates.filter((one) => one.fingerprint !== fingerprint).map((one) => one.pem)];
  } finally {
    await client.close();
  }
}

/**
 * The certificate with this fingerprint, if the server names one. The connection is not verified and need not be:
 * the hash is taken here, of what came.
 */
async function offeredRoot(address: string, wanted: Uint8Array, timeoutMs: number): Promise<string | null> {
  const text = await getUnverified(new URL(formatPath("ca.show"), parseAddress(address)), timeoutMs);
  const { certificates } = parseJson(text, "the CA list") as { certificates?: unknown };
  if (!Array.isArray(certificates)) return null;
  const found = certificates.map((one) => readPem((one as { pem?: unknown } | null)?.pem));
  return found.find((one) => one !== null && isEqual(hashOf(one.raw), wanted))?.toString() ?? null;
}

function readPem(pem: unknown): X509Certificate | null {
  try {
    return typeof pem === "string" ? new X509Certificate(pem) : null;
  } catch {
    return null;
  }
}

function getUnverified(url: URL, timeoutMs: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = {
      rejectUnauthorized: false,
      minVersion: "TLSv1.3",
      agent: false,
      timeout: timeoutMs,
    } as const;
    const fail = (error: unknown): void => reject(connectionError(url.host, error));
    const asked = request(url, options, (answer) => {
      readText(answer, MAX_LIST).then(resolve, fail);
    });
    asked.on("timeout", () => asked.destroy(new KeywardError("timeout", `${url.host}: no answer in time`)));
    asked.on("error", fail).end();
  });
}

const MAX_LIST = 262_144;

function hashOf(der: Uint8Array): Uint8Array {
  return createHash("sha256").update(der).digest();
}

function isEqual(a: Uint8Array, b: Uint8Array): boolean {
  return a.byteLength === b.byteLength && timingSafeEqual(a, b);
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
    fingerprint: toHex(hashOf(at.raw)),
  };
}

function noRoot(host: string): KeywardError {
  return new KeywardError("integrity", `${host}: does not present its root certificate`, {
    hint: "is this a Keyward server? check the address",
  });
}
