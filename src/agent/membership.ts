/**
 * Membership: what this host is to its server: a private key of its own, a certificate for it, the CAs to trust,
 * the server's address and the name that the server knows it by. A key that is random is kept before it is first
 * used, so that an enrolment that was interrupted goes on with the same one; one that follows from the machine's
 * seed is never written down (`identity.ts`).
 */
import { createPrivateKey, generateKeyPairSync, X509Certificate } from "node:crypto";
import { fromUtf8, utf8 } from "../base/bytes.ts";
import { KeywardError } from "../base/errors.ts";
import { canonicalJson, type Json, parseJson } from "../base/json.ts";
import { Secret } from "../base/secret.ts";
import type { UnixMs } from "../base/time.ts";
import { hostKey } from "../formats/bundle/bundle.ts";
import { createCsr } from "../formats/csr/csr.ts";
import { identityOf } from "../formats/x509/identity.ts";
import { type NodeName, parseNodeName } from "../model/name.ts";
import type { State } from "./state.ts";

export interface Membership {
  readonly address: string;
  /** Other servers of the same store, asked for volumes' keys at the same time, and when the first is away. */
  readonly others?: readonly string[];
  readonly node: NodeName;
  /** PEM. */
  readonly ca: readonly string[];
  /** PKCS #8, PEM. */
  readonly key: Secret;
  /** The key lies in the state directory; else it follows from the machine's seed. */
  readonly keepsKey: boolean;
  /** The certificate and its chain, PEM. */
  readonly certificate: string;
}

const keyBlock = /-----BEGIN PRIVATE KEY-----[^-]+-----END PRIVATE KEY-----\n/;
const certificateBlock = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----\n?/g;

/**
 * @returns `null` before enrolment; without a key when none is kept.
 * @throws KeywardError `integrity`, `local`
 */
export function loadMembership(
  state: Pick<State, "read" | "path">,
): (Omit<Membership, "key" | "keepsKey"> & { readonly key: Secret | null }) | null {
  const identity = textOf(state, "identity.pem");
  const server = textOf(state, "server.json");
  const [key] = keyBlock.exec(identity) ?? [];
  const certificate = certificatesOf(identity).join("");
  const ca = loadCa(state);
  if (certificate === "" || server === "" || ca.length === 0) return null;
  return {
    ...parseServer(state, server),
    ca,
    key: key === undefined ? null : Secret.fromText(key),
    certificate,
  };
}

/** The servers, and the name that they know this host by. @throws KeywardError `local` before enrolment. */
export function loadServer(
  state: Pick<State, "read" | "path">,
): Pick<Membership, "address" | "others" | "node"> {
  const text = textOf(state, "server.json");
  if (text !== "") return parseServer(state, text);
  throw new KeywardError("local", `${state.path}: names no server`, {
    hint: "this host has to enrol first: keyward agent --once",
  });
}

/** The certificates to trust; none before first contact. */
export function loadCa(state: Pick<State, "read" | "path">): string[] {
  return certificatesOf(textOf(state, "ca.pem"));
}

export function saveCa(state: State, ca: readonly string[]): void {
  writeIfNew(state, "ca.pem", ca.map((pem) => `${pem.trim()}\n`).join(""));
}

/** An image of the initramfs is as new as what it was made of: a renewed certificate must not look like more. */
function writeIfNew(state: State, name: "ca.pem" | "server.json", text: string): void {
  if (textOf(state, name) !== text) state.write(name, utf8(text));
}

/** The certificate last: with it everything else is there. */
export function saveMembership(state: State, membership: Membership): void {
  const { ca, key, keepsKey, certificate } = membership;
  saveCa(state, ca);
  saveServer(state, membership);
  if (keepsKey) saveIdentity(state, key, certificate);
  else state.write("identity.pem", utf8(certificate));
}

/** A later certificate for the same key, in the place of the one that is kept. */
export function saveCertificate(state: State, key: Secret | null, certificate: string): void {
  if (key === null) state.write("identity.pem", utf8(certificate));
  else saveIdentity(state, key, certificate);
}

/** Is the first a later generation than the other, of the same node and its key? */
export function isLater(certificate: string, other: string): boolean {
  const [one, two] = [new X509Certificate(certificate), new X509Certificate(other)];
  const [now, before] = [identityIn(one), identityIn(two)];
  return (
    one.publicKey.equals(two.publicKey) &&
    now?.kind === "node" &&
    before?.kind === "node" &&
    now.name === before.name &&
    now.generation > before.generation
  );
}

/** @throws KeywardError `malformed` */
function identityIn({ subjectAltName = "" }: X509Certificate) {
  const uris = subjectAltName.split(", ").filter((name) => name.startsWith("URI:"));
  return identityOf(uris.map((name) => ({ kind: "uri", value: name.slice("URI:".length) })));
}

export function saveServer(
  state: State,
  { address, others, node }: Pick<Membership, "address" | "others" | "node">,
): void {
  const more = others === undefined || others.length === 0 ? {} : { others: [...others] };
  writeIfNew(state, "server.json", canonicalJson({ address, node, ...more }));
}

/** The first is to be asked first. */
export function addressesOf({ address, others = [] }: Pick<Membership, "address" | "others">): string[] {
  return [...new Set([address, ...others])];
}

/** The host's own private key: the one kept, or a new one, kept before it is used. PEM. */
export function ownKey(state: State): Secret {
  const [kept] = keyBlock.exec(textOf(state, "identity.pem")) ?? [];
  if (kept !== undefined) return Secret.fromText(kept);
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const made = Secret.fromText(String(privateKey.export({ type: "pkcs8", format: "pem" })));
  saveIdentity(state, made, "");
  return made;
}

export function csrFor(key: Secret, name: string): string {
  return createCsr(privateKeyOf(key), name);
}

/** What the offline bundle is sealed to; the caller wipes it. */
export function hostKeyOf(key: Secret, machineId: string): Secret {
  const der = privateKeyOf(key).export({ type: "pkcs8", format: "der" });
  try {
    return hostKey(der, machineId);
  } finally {
    der.fill(0);
  }
}

/** From when, until when, and when to ask for the next one: after two thirds. */
export function lifeOf(certificate: string): { from: UnixMs; to: UnixMs; renew: UnixMs } {
  const { validFrom, validTo } = new X509Certificate(certificate);
  const [from, to] = [Date.parse(validFrom), Date.parse(validTo)];
  return { from: from as UnixMs, to: to as UnixMs, renew: (from + ((to - from) * 2) / 3) as UnixMs };
}

function privateKeyOf(key: Secret) {
  const { buffer, byteOffset, byteLength } = key.reveal();
  return createPrivateKey({ key: Buffer.from(buffer, byteOffset, byteLength), format: "pem" });
}

function saveIdentity(state: State, key: Secret, certificate: string): void {
  const bytes = Buffer.concat([key.reveal(), utf8(certificate)]);
  state.write("identity.pem", bytes);
  bytes.fill(0);
}

function textOf(
  state: Pick<State, "read" | "path">,
  name: "identity.pem" | "server.json" | "ca.pem",
): string {
  const bytes = state.read(name);
  return bytes === null ? "" : fromUtf8(bytes.reveal(), `${state.path}/${name}`);
}

function certificatesOf(text: string): string[] {
  return text.match(certificateBlock) ?? [];
}

function parseServer(
  state: Pick<State, "path">,
  text: string,
): Pick<Membership, "address" | "others"> & { node: NodeName } {
  const what = `${state.path}/server.json`;
  const { address, node, others = [] } = (parseJson(text, what) ?? {}) as { [name: string]: Json };
  if (typeof address !== "string" || typeof node !== "string" || !isStrings(others))
    throw new KeywardError("integrity", `${what}: not as the agent wrote it`, {
      hint: "move the state directory away and enrol anew",
    });
  const more = others.length === 0 ? {} : { others };
  return { address, ...more, node: parseNodeName(node) };
}

function isStrings(value: Json | undefined): value is string[] {
  return Array.isArray(value) && value.every((one) => typeof one === "string");
}
