/**
 * Inject: what a unit with sealed values needs to have them opened, as Lighter writes it: the daemon's address and
 * public key, and a deploy key of its own. For Mesos the public half and what may be opened are labels.
 */
import { timingSafeEqual } from "node:crypto";
import { toBase64, toBase64Url, utf8 } from "../../base/bytes.ts";
import { KeywardError } from "../../base/errors.ts";
import { canonicalJson } from "../../base/json.ts";
import { sha256 } from "../../crypto/hash.ts";
import type { Random } from "../../crypto/random.ts";
import {
  ALLOWED_HASHES_LABEL,
  ALLOWED_VARS_LABEL,
  formatAllowedHashes,
} from "../../formats/secretary/allowed.ts";
import {
  generateKeyPair,
  type PublicKey,
  parsePrivateKey,
  parsePublicKey,
  publicKeyOf,
} from "../../formats/secretary/keys.ts";
import { ANY_TYPE, findEnvelopes } from "../../formats/secretary/recognise.ts";
import { isShellName } from "../../formats/secretary/shell.ts";
import { printable } from "../../model/name.ts";
import { looksSecret } from "../plain-secrets.ts";
import type { Unit, UnitKind } from "./units.ts";

export interface Injection {
  /** Of the daemon, as clients are to use it. */
  readonly url: string;
  readonly master: PublicKey;
  readonly random: Random;
  /** New keys, even where nothing changed. */
  readonly rotate: boolean;
}

export interface Injected {
  readonly unit: string;
  readonly kind: UnitKind;
  /** `none`: nothing is sealed there, and nothing is written. */
  readonly keys: "none" | "kept" | "new";
  /** Those that hold envelopes. */
  readonly variables: readonly string[];
}

const PRIVATE = "DEPLOY_PRIVATE_KEY";
const PUBLIC = "DEPLOY_PUBLIC_KEY";
/** What a run writes, and what does not count when the next asks whether anything changed. */
const written = [
  "SECRETARY_URL",
  "MASTER_PUBLIC_KEY",
  PRIVATE,
  PUBLIC,
  ALLOWED_VARS_LABEL,
  ALLOWED_HASHES_LABEL,
  "keyward.inject-checksum",
  "keyward/inject-checksum",
];

/** Envelopes of a unit by the variable that holds them, without blanks. Any word is a type, as for Lighter. */
export function sealedIn(unit: Unit): ReadonlyMap<string, readonly string[]> {
  const sealed = new Map<string, string[]>();
  for (const { name, value } of unit.variables.flatMap(({ entries }) => entries)) {
    const found = findEnvelopes(value ?? "", ANY_TYPE).map(({ envelope }) => envelope);
    if (found.length > 0) sealed.set(name, [...(sealed.get(name) ?? []), ...found]);
  }
  return sealed;
}

/** Variables whose name says secret, and whose value is there in plain text. */
export function plainIn(unit: Unit): string[] {
  return unit.variables
    .flatMap(({ entries }) => entries)
    .filter(({ name, value }) => !written.includes(name) && value !== null && looksSecret(name, value))
    .map(({ name }) => name);
}

/** @throws KeywardError `usage` for a name that no shell holds; `conflict` for half a pair of keys. */
export function injectInto(unit: Unit, injection: Injection): Injected {
  const sealed = sealedIn(unit);
  const about = { unit: unit.name, kind: unit.kind, variables: [...sealed.keys()] };
  if (sealed.size === 0) return { ...about, keys: "none" };
  const odd = about.variables.find((name) => !isShellName(name));
  if (odd !== undefined)
    throw new KeywardError(
      "usage",
      `${unit.name}: variable ${printable(odd)} is sealed, and no shell can hold its name`,
      {
        hint: "letters, digits and underscores, and no digit first",
      },
    );
  const checksum = checksumOf(unit, injection);
  const kept = injection.rotate ? null : keptKeys(unit, checksum);
  const keys = kept ?? newKeys(injection.random);
  for (const [i, pairs] of unit.variables.entries())
    if (i === 0 || pairs.entries.some(({ name }) => sealed.has(name)))
      pairs.set(variablesFor(unit.kind, injection, keys));
  unit.labels.set(labelsFor(unit.kind, sealed, keys, checksum));
  return { ...about, keys: kept === null ? "new" : "kept" };
}

interface Keys {
  readonly publicText: string;
  readonly privateText: string;
}

/** Raw keys in base64, as Lighter has them. */
function newKeys(random: Random): Keys {
  const { publicKey, privateKey } = generateKeyPair(random);
  const keys = { publicText: toBase64(publicKey), privateText: toBase64(privateKey.reveal()) };
  privateKey.wipe();
  return keys;
}

function byLabels(kind: UnitKind): boolean {
  return kind === "mesos" || kind === "metronome";
}

/** Those of the run before, when nothing else changed since. */
function keptKeys(unit: Unit, checksum: string): Keys | null {
  const first = (name: string): string => unit.variables.map((pairs) => pairs.get(name)).find(Boolean) ?? "";
  const privateText = first(PRIVATE);
  const publicText = byLabels(unit.kind) ? (unit.labels.get(PUBLIC) ?? "") : first(PUBLIC);
  if (privateText === "" && publicText === "") return null;
  if (privateText === "" || publicText === "")
    throw new KeywardError("conflict", `${unit.name}: has one half of a deploy key and not the other`, {
      hint: `take ${privateText === "" ? PUBLIC : PRIVATE} out: inject writes both`,
    });
  const same = unit.labels.get(checksumLabel(unit.kind)) === checksum;
  return same && isPair(privateText, publicText) ? { privateText, publicText } : null;
}

function isPair(privateText: string, publicText: string): boolean {
  try {
    using privateKey = parsePrivateKey(privateText, PRIVATE);
    return timingSafeEqual(publicKeyOf(privateKey as never), parsePublicKey(publicText, PUBLIC));
  } catch (error) {
    if (error instanceof KeywardError) return false;
    throw error;
  }
}

function variablesFor(
  kind: UnitKind,
  { url, master }: Injection,
  { publicText, privateText }: Keys,
): Record<string, string> {
  return {
    SECRETARY_URL: url,
    MASTER_PUBLIC_KEY: toBase64(master),
    [PRIVATE]: privateText,
    ...(byLabels(kind) ? {} : { [PUBLIC]: publicText }),
  };
}

function labelsFor(
  kind: UnitKind,
  sealed: ReadonlyMap<string, readonly string[]>,
  { publicText }: Keys,
  checksum: string,
): Record<string, string> {
  const own = { [checksumLabel(kind)]: checksum };
  if (!byLabels(kind)) return own;
  return {
    [PUBLIC]: publicText,
    [ALLOWED_VARS_LABEL]: [...sealed.keys()].join(","),
    [ALLOWED_HASHES_LABEL]: formatAllowedHashes(sealed),
    ...own,
  };
}

/** Kubernetes wants a slash after the first word. */
function checksumLabel(kind: UnitKind): string {
  return kind === "kubernetes" ? "keyward/inject-checksum" : "keyward.inject-checksum";
}

/** Of the unit without what inject writes, and of what it is to write but for the keys. */
function checksumOf(unit: Unit, { url, master }: Injection): string {
  const rest = withoutWritten(unit.value());
  const bytes = utf8(canonicalJson(["keyward-inject-1", url, toBase64(master), rest]));
  return toBase64Url(sha256(bytes));
}

function withoutWritten(value: unknown): unknown {
  if (Array.isArray(value)) {
    const kept = value.filter((item) => !isWrittenItem(item)).map(withoutWritten);
    return kept.length === 0 ? undefined : kept;
  }
  if (value === null || typeof value !== "object") return value;
  const kept = Object.entries(value)
    .filter(([name]) => !written.includes(name))
    .map(([name, member]) => [name, withoutWritten(member)] as const)
    .filter(([, member]) => member !== undefined);
  return kept.length === 0 ? undefined : Object.fromEntries(kept);
}

function isWrittenItem(item: unknown): boolean {
  if (typeof item === "string") return written.includes(item.split("=", 1)[0] ?? "");
  const { name, key } = (item ?? {}) as { name?: unknown; key?: unknown };
  return written.includes(String(name ?? key ?? ""));
}
