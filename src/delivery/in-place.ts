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

/** Look at files whose content the node is believed to hold. */
export async function lookAt(
  host: RemoteHost,
  node: NodeName,
  challenge: string,
  files: readonly Wanted[],
): Promise<Looked> {
  const conditions = new Map<string, Condition>();
  const proofs = new Map<KeyName, string>();
  const under = fromBase64(challenge, "challenge");
  for (const { entry, path, ownership } of files) {
    const { key, version } = entry;
    const found = await host.read(path, MAX_VALUE_BYTES);
    if (found === null) {
      conditions.set(path, "removed");
      continue;
    }
    const proof =
      found === "foreign" || found.content === null
        ? null
        : toBase64(prove(under, { node, key, version }, found.content));
    if (found !== "foreign") found.content?.wipe();
    const owned =
      found !== "foreign" &&
      found.uid === ownership.uid &&
      found.gid === ownership.gid &&
      found.mode === ownership.mode;
    // two files of one key hold the same, or one of them was changed
    const same = proof !== null && (proofs.get(key) ?? proof) === proof;
    conditions.set(path, owned && same ? "intact" : "changed");
    if (same) proofs.set(key, proof);
  }
  return { conditions, proofs };
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
