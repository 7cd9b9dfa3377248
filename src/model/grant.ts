/** Grant: a key, a query over nodes, and how the key is delivered. */
import { KeywardError } from "../base/errors.ts";
import type { DurationMs, UnixMs } from "../base/time.ts";
import type { VersionNumber } from "./key.ts";
import { type KeyName, type NodeName, printable } from "./name.ts";
import type { UnlockDelivery } from "./volume.ts";

export type GrantId = string & { readonly kind: "grant-id" };
/** Absolute, or relative to the agent's key directory; no empty, `.` or `..` segment; 1,024 bytes at most. */
export type InstallPath = string & { readonly kind: "install-path" };

/** How long a node may use what it was given while no server can be reached. */
export type Offline = "never" | DurationMs;

export interface FileDelivery {
  readonly kind: "file";
  readonly path: InstallPath;
  /** A user's name or number; absent: the agent's own. */
  readonly owner?: string;
  readonly group?: string;
  /** Permission bits, 0o400 by default. */
  readonly mode: number;
  /** Run once for a change, after all files of that change are in place. Arguments, never a command line. */
  readonly run?: readonly string[];
  readonly offline: Offline;
}

export type DeliveryMethod = FileDelivery | UnlockDelivery;

export type GrantOf<D extends DeliveryMethod> = Grant & { readonly delivery: D };

/** Where it lies on a node, and nothing else does: the file, or the opened volume's device. */
export function placeOf(delivery: DeliveryMethod): InstallPath {
  return delivery.kind === "file" ? delivery.path : (`/dev/mapper/${delivery.name}` as InstallPath);
}

export function isUnlock(grant: Grant): grant is GrantOf<UnlockDelivery> {
  return grant.delivery.kind === "unlock";
}

export function isFile(grant: Grant): grant is GrantOf<FileDelivery> {
  return grant.delivery.kind === "file";
}

export interface Grant {
  readonly id: GrantId;
  readonly key: KeyName;
  /** As it was written; `model/query` reads it. */
  readonly query: string;
  readonly delivery: DeliveryMethod;
  readonly created: UnixMs;
  readonly by: string;
}

/** That a version reached a node. Kept under a keyed hash of the node's name. */
export interface DeliveryRecord {
  readonly key: KeyName;
  readonly version: VersionNumber;
  /** Where it was put, in order of path. */
  readonly paths: readonly InstallPath[];
  readonly delivered: UnixMs;
  /** When the node proved that it holds it; absent until then. */
  readonly proved?: UnixMs;
  /** When the node said that it has removed it. */
  readonly withdrawn?: UnixMs;
  /** What the node said went wrong with it; gone once it proves the version again. */
  readonly failed?: string;
  /** Of a derived version: what the node showed with its first proof. */
  readonly shown?: ShownSeed;
  /** Of a volume: later versions that went out too, of which none is proved. `version` still opens it. */
  readonly offered?: readonly VersionNumber[];
}

/** What a node shows of its seed and of one key of it. Nothing of this is secret. */
export interface ShownSeed {
  /** Names the seed: 16 hexadecimal digits. */
  readonly seed: string;
  /** Counts the node's seeds, from 1. */
  readonly generation: number;
  /** Says which key of the seed: 32 hexadecimal digits, the same for the same seed, derivation and version. */
  readonly tag: string;
  /** SubjectPublicKeyInfo, DER in base64; absent for kinds without a public half. */
  readonly public?: string;
}

/** One thing that a node should hold, by one grant: the desired state. */
export interface Placement {
  readonly node: NodeName;
  readonly grant: Grant;
  readonly version: VersionNumber;
}

/** @throws KeywardError `usage` */
export function parseInstallPath(text: string): InstallPath {
  const segments = (text.startsWith("/") ? text.slice(1) : text).split("/");
  const bad = segments.some((segment) => segment === "" || segment === "." || segment === "..");
  if (bad || Buffer.byteLength(text) > 1024 || /[\u0000-\u001f\u007f]/.test(text)) {
    throw new KeywardError(
      "usage",
      `path ${printable(text)}: want /run/app/db.key, or db.key below the agent's key directory`,
    );
  }
  return text as InstallPath;
}

/**
 * `0400` to `0777`, octal; set-user-id, set-group-id and sticky bits are refused.
 *
 * @throws KeywardError `usage`
 */
export function parseMode(text: string): number {
  const mode = /^0?[0-7]{3}$/.test(text) ? Number.parseInt(text, 8) : Number.NaN;
  if (Number.isNaN(mode))
    throw new KeywardError("usage", `mode ${printable(text)}: want octal permission bits, as 0400`);
  return mode;
}

export function formatMode(mode: number): string {
  return mode.toString(8).padStart(4, "0");
}
