/**
 * Box keys, derived once and kept: the derivation costs a hundred times what a small box does, and the same few
 * deployments ask again and again. At most `most` are kept; the one that was not used for longest is wiped first.
 */
import { toBase64 } from "../base/bytes.ts";
import { type BoxKey, deriveBoxKey, type PrivateKey, type PublicKey } from "../formats/secretary/keys.ts";

export interface BoxKeys {
  /**
   * Good until the next call: it may be wiped then. Ask again instead of keeping it.
   *
   * @throws KeywardError `malformed` when the public key is a point of low order.
   */
  between(privateKey: PrivateKey, publicKey: PublicKey): BoxKey;
  readonly size: number;
  /** Wipe all. */
  close(): void;
}

const MOST = 10_000;

export function createBoxKeys(most = MOST): BoxKeys {
  const ofPrivate = new Map<PrivateKey, number>();
  const kept = new Map<string, BoxKey>();

  function nameOf(privateKey: PrivateKey, publicKey: PublicKey): string {
    let number = ofPrivate.get(privateKey);
    if (number === undefined) {
      number = ofPrivate.size;
      ofPrivate.set(privateKey, number);
    }
    return `${number} ${toBase64(publicKey)}`;
  }

  function makeRoom(): void {
    for (const [name, key] of kept) {
      if (kept.size < most) return;
      key.wipe();
      kept.delete(name);
    }
  }

  return {
    between(privateKey, publicKey) {
      const name = nameOf(privateKey, publicKey);
      let key = kept.get(name);
      if (key === undefined) {
        key = deriveBoxKey(privateKey, publicKey);
        makeRoom();
      } else kept.delete(name);
      kept.set(name, key);
      return key;
    },
    get size() {
      return kept.size;
    },
    close() {
      for (const key of kept.values()) key.wipe();
      kept.clear();
    },
  };
}
