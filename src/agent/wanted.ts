/** Wanted: what a bundle says that the node should hold, parsed at the door. */
import { join } from "node:path";
import type { ResponseOf } from "../api/shapes.ts";
import { fromBase64 } from "../base/bytes.ts";
import { isKeywardError, KeywardError } from "../base/errors.ts";
import type { Json } from "../base/json.ts";
import { memberReader } from "../base/json-members.ts";
import { Secret } from "../base/secret.ts";
import type { DurationMs } from "../base/time.ts";
import { readDerived } from "../formats/bundle/bundle.ts";
import { type FileDelivery, type GrantId, parseInstallPath } from "../model/grant.ts";
import { type DerivedAs, MAX_VALUE_BYTES, type VersionNumber } from "../model/key.ts";
import { type KeyName, parseKeyName } from "../model/name.ts";

export interface Wanted {
  readonly grant: GrantId;
  readonly key: KeyName;
  readonly version: VersionNumber;
  /** Absolute: relative ones lie in the key directory. */
  readonly path: string;
  readonly delivery: FileDelivery;
  /** `null` when the server believes that we hold it, or we derive it. Wiped once the bundle is applied. */
  readonly value: Secret | null;
  /** How this host makes the value itself. */
  readonly derived?: DerivedAs;
}

/** Something that could not be done, as the report tells it. */
export interface Failure {
  readonly key: string;
  readonly path: string;
  readonly message: string;
}

export interface Places {
  readonly keyDirectory: string;
  /** The agent's own: no key is put there. */
  readonly stateDirectory: string;
  /** Besides the key directory, files are put below these and nowhere else. Anywhere, unless given. */
  readonly onlyBelow?: readonly string[] | undefined;
}

type BundleAnswer = ResponseOf<"agent.bundle">;
type Entry = BundleAnswer["entries"][number];

/** One entry that makes no sense is a failure, and the others are followed. */
export function parseWanted(
  bundle: BundleAnswer,
  places: Places,
): { readonly wanted: Wanted[]; readonly failures: Failure[] } {
  const byPath = new Map<string, Wanted>();
  const failures: Failure[] = [];
  for (const entry of bundle.entries) {
    try {
      const one = parseEntry(entry, places);
      const other = byPath.get(one.path);
      if (other !== undefined)
        throw new KeywardError("conflict", `another grant, ${other.grant}, has this path`);
      byPath.set(one.path, one);
    } catch (error) {
      if (!isKeywardError(error)) throw error;
      failures.push({ key: entry.key, path: entry.delivery.path, message: error.message });
    }
  }
  return { wanted: [...byPath.values()], failures };
}

/** @throws KeywardError `usage`, `malformed`, `too-large` */
function parseEntry({ grant, key, version, delivery, value, derived }: Entry, places: Places): Wanted {
  const given = parseInstallPath(delivery.path);
  const path = absolute(given, places.keyDirectory);
  assertPlace(path, places);
  if (!Number.isInteger(delivery.mode) || delivery.mode < 0 || delivery.mode > 0o777)
    throw new KeywardError("malformed", "mode: not permission bits");
  return {
    grant: grant as GrantId,
    key: parseKeyName(key),
    version: version as VersionNumber,
    path,
    delivery: { ...delivery, path: given, offline: delivery.offline as "never" | DurationMs },
    value: value === undefined || derived !== undefined ? null : parseValue(value),
    ...(derived === undefined ? {} : { derived: parseDerived(derived) }),
  };
}

/** @throws KeywardError `denied` where this agent puts nothing, whatever a grant says. */
export function assertPlace(path: string, { keyDirectory, stateDirectory, onlyBelow }: Places): void {
  const isBelow = (directory: string): boolean => `${path}/`.startsWith(`${directory.replace(/\/$/, "")}/`);
  if (isBelow(stateDirectory))
    throw new KeywardError("denied", "the path lies in the agent's own state directory");
  if (onlyBelow === undefined || [keyDirectory, ...onlyBelow].some(isBelow)) return;
  throw new KeywardError("denied", "this agent puts nothing there: its --only-below names other directories");
}

export function absolute(path: string, keyDirectory: string): string {
  return path.startsWith("/") ? path : join(keyDirectory, path);
}

/** @throws KeywardError `malformed` */
function parseDerived(derived: NonNullable<Entry["derived"]>): DerivedAs {
  return readDerived(derived as unknown as { readonly [name: string]: Json }, memberReader("derived key"));
}

function parseValue(base64: string): Secret {
  const value = Secret.take(fromBase64(base64, "value"));
  if (value.length > MAX_VALUE_BYTES)
    throw new KeywardError("too-large", `value: more than ${MAX_VALUE_BYTES} bytes`);
  return value;
}
