/** Own nodes: what Secretary's daemon needs to know of this store's nodes and grants. */

import type { KnownKey } from "../fleet/fleet.ts";
import { type EnvelopeHash, envelopeHash } from "../formats/secretary/allowed.ts";
import { findEnvelopesInBytes } from "../formats/secretary/recognise.ts";
import type { OwnNodes } from "../secretary/own-source.ts";
import type { Parts } from "./parts.ts";

/** Hashes of envelopes are kept, not envelopes; a version never changes. */
const MAX_KEPT = 10_000;

export function createOwnNodes({
  fleet,
  keyring,
  transact,
}: Pick<Parts, "fleet" | "keyring" | "transact">): OwnNodes {
  const kept = new Map<string, readonly EnvelopeHash[]>();

  async function hashesIn({ key, version, created }: KnownKey): Promise<readonly EnvelopeHash[]> {
    const id = `${key}@${version}@${created}`;
    const known = kept.get(id);
    if (known !== undefined) return known;
    using value = await transact((tx) => keyring.openVersion(tx, key, version));
    const hashes = findEnvelopesInBytes(value.reveal()).map(({ envelope }) => envelopeHash(envelope));
    if (kept.size >= MAX_KEPT) kept.clear();
    kept.set(id, hashes);
    return hashes;
  }

  return {
    find(name) {
      const known = fleet.known(name);
      if (known === null) return null;
      return {
        attribute(path) {
          const facts = known.facts.get(path.join("_")) ?? [];
          return facts.length === 1 ? (facts[0]?.value ?? null) : null;
        },
        async granted(prefix) {
          const keys = known.keys.filter(({ key }) => key.startsWith(prefix));
          return new Set((await Promise.all(keys.map(hashesIn))).flat());
        },
      };
    },
  };
}
