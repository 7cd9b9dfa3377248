/**
 * The server's own certificate over its life: kept beside the store, so that a sealed server can present it (its key
 * protects connections, not what is kept); renewed at two thirds of its time, and when the CAs to trust change.
 *
 * As long as there is neither a kept one nor a CA that could issue one, a certificate for the moment is presented,
 * which nobody can verify: enough to ask for the status.
 */
import { generateKeyPairSync } from "node:crypto";
import type { Authority } from "../authority/authority.ts";
import { isKeywardError, KeywardError } from "../base/errors.ts";
import { type Json, parseJson } from "../base/json.ts";
import { Secret } from "../base/secret.ts";
import type { Clock, UnixMs } from "../base/time.ts";
import type { Random } from "../crypto/random.ts";
import {
  isServer,
  issueLeaf,
  makeCa,
  makeSerial,
  openIssuer,
  parseCertificate,
  parseHost,
  serverIdentity,
} from "../formats/x509/x509.ts";
import type { RootKey } from "../seal/root-key.ts";
import type { TlsIdentity } from "./https.ts";

/** Where the certificate and its key are kept: a file that only the server's user can read. */
export interface TlsKeep {
  read(): string | null;
  write(text: string): void;
}

export interface TlsIdentityNeeds {
  readonly authority: Pick<Authority, "serverCertificate" | "show">;
  readonly rootKey: Pick<RootKey, "state">;
  readonly keep: TlsKeep;
  /** DNS names and addresses that clients use. */
  readonly names: readonly string[];
  readonly clock: Clock;
  readonly random: Random;
}

interface Kept {
  readonly names: readonly string[];
  readonly chain: string;
  readonly key: string;
  readonly trusted: readonly string[];
  readonly renew: number;
}

export interface TlsIdentities {
  /** What to present now. @throws KeywardError `malformed` when the kept one is not one of ours. */
  current(): Promise<TlsIdentity>;
  /** The next one when it is time for it, else `null`. */
  next(): Promise<TlsIdentity | null>;
}

export function createTlsIdentities(needs: TlsIdentityNeeds): TlsIdentities {
  const { authority, rootKey, keep, names, clock } = needs;

  function isCurrent(kept: Kept): boolean {
    const trusted = authority.show().certificates.map(({ pem }) => pem);
    const same = isSame(kept.names, names) && isSame(kept.trusted, trusted);
    return same && clock() < kept.renew && isServer(parseCertificate(leafOf(kept.chain)).names);
  }

  async function issue(): Promise<TlsIdentity | null> {
    if (rootKey.state !== "unsealed") return null;
    try {
      const { chain, key, trusted, renew } = await authority.serverCertificate(names);
      const text = Buffer.from(key.reveal()).toString("latin1");
      keep.write(JSON.stringify({ names, chain, key: text, trusted, renew } satisfies Kept));
      return { chain, key, trusted };
    } catch (error) {
      if (isKeywardError(error, "sealed") || isKeywardError(error, "uninitialised")) return null;
      throw error;
    }
  }

  return {
    async current() {
      const kept = readKept(keep);
      if (kept !== null && isCurrent(kept)) return identityOf(kept);
      return (await issue()) ?? (kept === null ? await forTheMoment(needs) : identityOf(kept));
    },
    async next() {
      const kept = readKept(keep);
      return kept !== null && isCurrent(kept) ? null : await issue();
    },
  };
}

function identityOf({ chain, key, trusted }: Kept): TlsIdentity {
  return { chain, key: Secret.fromText(key), trusted };
}

const END = "-----END CERTIFICATE-----\n";

function leafOf(chain: string): string {
  return chain.slice(0, chain.indexOf(END) + END.length);
}

function isSame(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((one, i) => one === b[i]);
}

function readKept(keep: TlsKeep): Kept | null {
  const text = keep.read();
  if (text === null) return null;
  const kept: Json = parseJson(text, "the server's certificate");
  if (isKept(kept)) return kept;
  throw new KeywardError("malformed", "the server's certificate: not as it was kept", {
    hint: "remove its file: the server makes another when it is unsealed",
  });
}

function isKept(value: unknown): value is Kept {
  const kept = value as Partial<Kept> | null;
  return (
    Array.isArray(kept?.names) &&
    Array.isArray(kept.trusted) &&
    typeof kept.chain === "string" &&
    typeof kept.key === "string" &&
    typeof kept.renew === "number"
  );
}

const HOUR = 3_600_000;

async function forTheMoment({ clock, random, names }: TlsIdentityNeeds): Promise<TlsIdentity> {
  const now = clock();
  const dates = { notBefore: (now - HOUR) as UnixMs, notAfter: (now + 24 * HOUR) as UnixMs };
  const ca = await makeCa({ ...dates, random });
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const pem = await issueLeaf(await openIssuer(ca.pem, ca.privateKey), {
    ...dates,
    publicKey: new Uint8Array(publicKey.export({ format: "der", type: "spki" })),
    commonName: "keyward, uninitialised",
    names: [...names.map((name) => parseHost(name, "server name")), serverIdentity],
    usages: ["server"],
    serial: makeSerial(random),
  });
  ca.privateKey.wipe();
  const key = Secret.fromText(String(privateKey.export({ format: "pem", type: "pkcs8" })));
  // nobody's client certificate is accepted: no CA is known
  return { chain: pem + ca.pem, key, trusted: [ca.pem] };
}
