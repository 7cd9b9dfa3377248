/** An entry of an offline bundle: its description as canonical JSON, checked member by member. */

import { canonicalJson, type Json, parseJson } from "../../base/json.ts";
import { memberReader } from "../../base/json-members.ts";
import type { Secret } from "../../base/secret.ts";
import type { DurationMs } from "../../base/time.ts";
import { type FileDelivery, type GrantId, parseInstallPath } from "../../model/grant.ts";
import type { DerivedAs, VersionNumber } from "../../model/key.ts";
import { type KeyName, parseKeyName } from "../../model/name.ts";
import { parseVolumeName, type VolumeName } from "../../model/volume.ts";
import { readDerived } from "./derived.ts";

/** Where the key of a volume belongs: what stands on it is not sealed, and is read elsewhere. */
export interface OfflineVolume {
  readonly kind: "unlock";
  readonly name: VolumeName;
  readonly offline: DurationMs;
}

export type OfflineFile = FileDelivery & { readonly offline: DurationMs };

export interface OfflineEntry<D = OfflineFile | OfflineVolume> {
  readonly grant: GrantId;
  readonly key: KeyName;
  readonly version: VersionNumber;
  readonly delivery: D;
  /** How the value is made again; then none is kept. */
  readonly derived?: DerivedAs;
  /** Empty when it is derived. */
  readonly value: Secret;
}

type Described = Omit<OfflineEntry, "value">;

const limits = { size: 1_048_576, depth: 6, count: 256 };
const what = "offline bundle: entry";
const reader = memberReader(what);
const { object, string, strings, whole, wrong } = reader;

export function describe({ grant, key, version, delivery, derived }: Described): string {
  return canonicalJson({ delivery, derived, grant, key, version });
}

/** @throws KeywardError `malformed`, `too-large`, `usage` */
export function parseDescription(text: string): Described {
  const { delivery, derived, grant, key, version } = object(parseJson(text, what, limits), "the whole");
  const described: Described = {
    grant: string(grant, "grant") as GrantId,
    key: parseKeyName(string(key, "key")),
    version: whole(version, "version", 1, Number.MAX_SAFE_INTEGER) as VersionNumber,
    delivery: deliveryOf(object(delivery, "delivery")),
    ...(derived === undefined ? {} : { derived: readDerived(object(derived, "derived"), reader) }),
  };
  if (describe(described) !== text) throw wrong("members");
  return described;
}

function deliveryOf(delivery: { readonly [name: string]: Json }): OfflineEntry["delivery"] {
  const { kind, path, owner, group, mode, run, offline, name } = delivery;
  if (kind === "unlock")
    return { kind, name: parseVolumeName(string(name, "name")), offline: durationOf(offline) };
  if (kind !== "file") throw wrong("kind");
  return {
    kind,
    path: parseInstallPath(string(path, "path")),
    ...(owner === undefined ? {} : { owner: string(owner, "owner") }),
    ...(group === undefined ? {} : { group: string(group, "group") }),
    mode: whole(mode, "mode", 0, 0o777),
    ...(run === undefined ? {} : { run: strings(run, "run") }),
    offline: durationOf(offline),
  };
}

function durationOf(offline: Json | undefined): DurationMs {
  return whole(offline, "offline", 0, Number.MAX_SAFE_INTEGER) as DurationMs;
}
