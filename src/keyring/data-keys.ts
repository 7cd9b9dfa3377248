/**
 * Data keys: 32 random bytes for each key, wrapped under the root key. Unwrapping one costs some 20 µs, so the
 * ones used last are kept, in memory of their own, until the root key is sealed.
 */
import { fromBase64, toBase64 } from "../base/bytes.ts";
import { KeywardError } from "../base/errors.ts";
import { Secret } from "../base/secret.ts";
import type { Random } from "../crypto/random.ts";
import { type KeyName, printable } from "../model/name.ts";
import type { RootKey } from "../seal/root-key.ts";

export interface DataKeys {
  /** A new one, wrapped: as `KeyRow.dataKey` holds it. */
  create(name: KeyName): string;
  /**
   * @returns 32 bytes, not a copy: use them at once and do not keep them.
   * @throws KeywardError `sealed`, `uninitialised`, `integrity`
   */
  open(name: KeyName, wrapped: string): Uint8Array;
}

interface Kept {
  readonly wrapped: string;
  readonly key: Secret;
}

const SIZE = 32;
const purpose = "data-key";

/** @param needs - `limit`: how many are kept, at most. */
export function createDataKeys(needs: { rootKey: RootKey; random: Random; limit?: number }): DataKeys {
  const { rootKey, random, limit = 8192 } = needs;
  /** The one used last comes last. */
  const kept = new Map<KeyName, Kept>();

  rootKey.onSeal(() => {
    for (const { key } of kept.values()) key.wipe();
    kept.clear();
  });

  function forget(name: KeyName): void {
    kept.get(name)?.key.wipe();
    kept.delete(name);
  }

  function keep(name: KeyName, one: Kept): Uint8Array {
    forget(name);
    kept.set(name, one);
    const [oldest] = kept.keys();
    if (kept.size > limit && oldest !== undefined) forget(oldest);
    return one.key.reveal();
  }

  return {
    create(name) {
      const key = Secret.take(random(SIZE));
      const wrapped = toBase64(rootKey.seal(purpose, [name], key));
      keep(name, { wrapped, key });
      return wrapped;
    },
    open(name, wrapped) {
      const found = kept.get(name);
      if (found?.wrapped !== wrapped) return keep(name, { wrapped, key: unwrap(rootKey, name, wrapped) });
      kept.delete(name);
      kept.set(name, found);
      return found.key.reveal();
    },
  };
}

function unwrap(rootKey: RootKey, name: KeyName, wrapped: string): Secret {
  const key = rootKey.open(purpose, [name], boxOf(name, wrapped));
  if (key.length === SIZE) return key;
  key.wipe();
  throw damaged(name);
}

function boxOf(name: KeyName, wrapped: string): Uint8Array {
  try {
    return fromBase64(wrapped, "data key");
  } catch (cause) {
    throw damaged(name, cause);
  }
}

function damaged(name: KeyName, cause?: unknown): KeywardError {
  return new KeywardError("integrity", `data key of ${printable(name)}: was changed`, {
    hint: "restore the store from a backup",
    cause,
  });
}
