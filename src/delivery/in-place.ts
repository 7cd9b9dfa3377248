/** In place: what lies on a node, held against what should. Content is proved, not compared: nothing is read here. */
import { fromBase64, toBase64 } from "../base/bytes.ts";
import type { BundleEntry, Fleet } from "../fleet/fleet.ts";
import { prove } from "../fleet/fleet.ts";
import { MAX_VALUE_BYTES } from "../model/key.ts";
import type { KeyName, NodeName } from "../model/name.ts";
import type { RemoteHost, RemoteOwnership } from "../model/remote-host.ts";

/** One file of a bundle, with its place on the node. */
export interface Wanted {
  readonly entry: BundleEntry;
  /** Absolute. */
  readonly path: string;
  readonly ownership: RemoteOwnership;
}

export type Condition = "intact" | "removed" | "changed";

export interface Looked {
  /** By path. */
  readonly conditions: ReadonlyMap<string, Condition>;
  /** Of the content that lies there, one a key, base64. */
  readonly proofs: ReadonlyMap<KeyName, string>;
}

/** Files that are read from a host at once. */
const AT_ONCE = 8;

interface Seen {
  readonly condition: Condition;
  /** `null` when no content is there. */
  readonly proof: string | null;
}

/** Look at files whose content the node is believed to hold. */
export async function lookAt(
  host: RemoteHost,
  node: NodeName,
  challenge: string,
  files: readonly Wanted[],
): Promise<Looked> {
  const under = fromBase64(challenge, "challenge");
  const seen = new Map<Wanted, Seen>();
  const left = files.values();
  const worker = async (): Promise<void> => {
    for (const file of left) seen.set(file, await examine(host, node, under, file));
  };
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, files.length) }, worker));
  const conditions = new Map<string, Condition>();
  const proofs = new Map<KeyName, string>();
  for (const file of files) {
    const { condition, proof } = seen.get(file) ?? { condition: "removed", proof: null };
    const { key } = file.entry;
    // two files of one key hold the same, or one of them was changed
    const same = proof !== null && (proofs.get(key) ?? proof) === proof;
    conditions.set(file.path, condition === "intact" && !same ? "changed" : condition);
    if (same) proofs.set(key, proof);
  }
  return { conditions, proofs };
}

async function examine(
  host: RemoteHost,
  node: NodeName,
  challenge: Uint8Array,
  { entry: { key, version }, path, ownership }: Wanted,
): Promise<Seen> {
  const found = await host.read(path, MAX_VALUE_BYTES);
  if (found === null) return { condition: "removed", proof: null };
  if (found === "foreign" || found.content === null) return { condition: "changed", proof: null };
  using content = found.content;
  const owned = found.uid === ownership.uid && found.gid === ownership.gid && found.mode === ownership.mode;
  const proof = toBase64(prove(challenge, { node, key, version }, content));
  return { condition: owned ? "intact" : "changed", proof };
}

/** Keys that a report did not confirm, or of which a file is not as it should be. */
export function lostKeys(
  files: readonly Wanted[],
  { conditions }: Looked,
  refused: Awaited<ReturnType<Fleet["report"]>>["refused"],
): Set<KeyName> {
  const lost = new Set<KeyName>();
  for (const { entry, path } of files) if (conditions.get(path) !== "intact") lost.add(entry.key);
  for (const { key } of refused) lost.add(key as KeyName);
  return lost;
}
