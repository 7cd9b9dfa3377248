/** A line of a ledger: one realm as canonical JSON. The members stand in `ledger.ts`. */
import { KeywardError } from "../../base/errors.ts";
import { canonicalJson, type Json, parseJson } from "../../base/json.ts";
import { memberReader } from "../../base/json-members.ts";
import type { UnixMs } from "../../base/time.ts";
import { type KeyName, parseKeyName } from "../../model/name.ts";
import { type Derivation, type KeyEncoding, keyEncodings, type Scheme } from "../../model/realm.ts";
import { deliveryMembers, type RealmDelivery, readDelivery } from "./delivery.ts";
import { kindMembers, readKind } from "./realm-kind.ts";

export interface LedgerRealm {
  readonly name: KeyName;
  readonly derivation: Derivation;
  readonly encoding: KeyEncoding;
  /** Where a machine without a server puts it. */
  readonly delivery?: RealmDelivery;
  /** One line for people; 1,000 bytes at most. */
  readonly note?: string;
  readonly created: UnixMs;
  readonly changed: UnixMs;
  /** In order of number; retired ones stay listed. */
  readonly versions: readonly RealmVersion[];
}

export interface RealmVersion {
  /** From 1, counted up, never used again. */
  readonly number: number;
  readonly state: RealmVersionState;
  readonly created: UnixMs;
  /** `OpenedSeed.tag`: another seed has another one. 32 hexadecimal digits. */
  readonly tag: string;
}

/** At most the last version is current. */
export type RealmVersionState =
  | { readonly kind: "current" }
  | { readonly kind: "retiring"; readonly until: UnixMs }
  | { readonly kind: "retired"; readonly at: UnixMs };

export const MAX_LINE_BYTES = 131_072;
export const MAX_VERSIONS = 512;
const MAX_VERSION = 0xffff_ffff;
const MAX_TEXT_BYTES = 1024;
const MAX_NOTE_BYTES = 1000;
const limits = { size: MAX_LINE_BYTES, depth: 4, count: 8192 };

/** Without the line break. */
export function formatRealm(realm: LedgerRealm): string {
  const { name, derivation, encoding, delivery, note, created, changed, versions } = realm;
  return canonicalJson({
    name,
    text: derivation.realm === name ? undefined : derivation.realm,
    ...kindMembers(derivation.kind),
    purpose: derivation.purpose === "" ? undefined : derivation.purpose,
    encoding,
    delivery: delivery === undefined ? undefined : deliveryMembers(delivery),
    note,
    created: formatTime(created),
    changed: formatTime(changed),
    versions: versions.map(({ number, state, created, tag }) => ({
      number,
      state: state.kind,
      until: state.kind === "retiring" ? formatTime(state.until) : undefined,
      at: state.kind === "retired" ? formatTime(state.at) : undefined,
      created: formatTime(created),
      tag,
    })),
  });
}

/**
 * @param line - Names it in errors, from 1.
 * @throws KeywardError `malformed`, `too-large`, `usage`
 */
export function parseRealm(text: string, line: number, scheme: Scheme): LedgerRealm {
  const what = `ledger line ${line}`;
  const read = memberReader(what);
  const members = read.object(parseJson(text, what, limits), "the whole");
  const name = parseKeyName(read.string(members.name, "name"));
  const realm: LedgerRealm = {
    name,
    derivation: {
      scheme,
      realm: members.text === undefined ? name : sized(members.text, "text", MAX_TEXT_BYTES),
      kind: readKind(members, read),
      purpose: members.purpose === undefined ? "" : sized(members.purpose, "purpose", MAX_TEXT_BYTES),
    },
    encoding: read.oneOf(members.encoding, "encoding", keyEncodings),
    ...(members.delivery === undefined
      ? {}
      : { delivery: readDelivery(read.object(members.delivery, "delivery"), read) }),
    ...(members.note === undefined ? {} : { note: sized(members.note, "note", MAX_NOTE_BYTES) }),
    created: parseTime(members.created, "created"),
    changed: parseTime(members.changed, "changed"),
    versions: read.list(members.versions, "versions").map(versionOf),
  };
  assertVersions(realm.versions);
  if (formatRealm(realm) !== text) throw read.wrong("the order or choice of members");
  return realm;

  function versionOf(value: Json): RealmVersion {
    const { number, state, until, at, created, tag } = read.object(value, "versions");
    const text = read.string(tag, "tag");
    if (!/^[0-9a-f]{32}$/.test(text)) throw read.wrong("tag");
    return {
      number: read.whole(number, "number", 1, MAX_VERSION),
      state: stateOf(read.oneOf(state, "state", ["current", "retiring", "retired"]), until, at),
      created: parseTime(created, "created"),
      tag: text,
    };
  }

  function stateOf(kind: RealmVersionState["kind"], until: Json | undefined, at: Json | undefined) {
    if (kind === "retiring") return { kind, until: parseTime(until, "until") };
    return kind === "retired" ? { kind, at: parseTime(at, "at") } : { kind };
  }

  function assertVersions(versions: readonly RealmVersion[]): void {
    if (versions.length === 0) throw read.wrong("versions");
    if (versions.length > MAX_VERSIONS)
      throw new KeywardError("too-large", `${what}: more than ${MAX_VERSIONS} versions`);
    versions.forEach((version, i) => {
      if (version.number <= (versions[i - 1]?.number ?? 0)) throw read.wrong("the versions' order");
      if (version.state.kind === "current" && i !== versions.length - 1)
        throw read.wrong("the current version");
    });
  }

  function sized(value: Json, name: string, most: number): string {
    const text = read.string(value, name);
    const size = Buffer.byteLength(text);
    if (size === 0 || size > most || !text.isWellFormed()) throw read.wrong(name);
    if (name === "note" && /[\u0000-\u001f\u007f]/.test(text)) throw read.wrong(name);
    return text;
  }

  function parseTime(value: Json | undefined, name: string): UnixMs {
    const at = Date.parse(read.string(value, name));
    if (!(at >= 0)) throw read.wrong(name);
    return at as UnixMs;
  }
}

/** `2026-11-22T12:34:26Z`. The year has four digits: a later one cannot be written. */
export function formatTime(at: UnixMs): string {
  return new Date(at).toISOString().replace(/\.\d{3}Z$/, "Z");
}
