/**
 * Values: each version's bytes, sealed under the key's data key for exactly its name and number, so that a
 * record moved to another key or version does not open (docs/formats/sealed.md).
 */
import { fields } from "../base/bytes.ts";
import { isKeywardError, KeywardError } from "../base/errors.ts";
import type { Secret } from "../base/secret.ts";
import { NONCE_SIZE } from "../crypto/aead.ts";
import type { Random } from "../crypto/random.ts";
import { open, seal } from "../formats/sealed/sealed.ts";
import { MAX_VALUE_BYTES, type VersionNumber } from "../model/key.ts";
import { type KeyName, printable } from "../model/name.ts";
import { type KeyRow, versionKey } from "../records/records.ts";
import type { Transaction } from "../store/store.ts";
import type { DataKeys } from "./data-keys.ts";

export interface Values {
  put(tx: Transaction, row: KeyRow, number: VersionNumber, value: Secret): void;
  /**
   * @returns A copy, which the caller wipes.
   * @throws KeywardError `integrity` when the record is missing, changed, or another's; `sealed`
   */
  get(tx: Transaction, row: KeyRow, number: VersionNumber): Promise<Secret>;
}

export function createValues({ dataKeys, random }: { dataKeys: DataKeys; random: Random }): Values {
  return {
    put(tx, { name, dataKey }, number, value) {
      const key = dataKeys.open(name, dataKey);
      tx.put(versionKey(name, number), seal(key, random(NONCE_SIZE), placeOf(name, number), value.reveal()));
    },
    async get(tx, { name, dataKey }, number) {
      const what = `version ${number} of ${printable(name)}`;
      const box = await tx.get(versionKey(name, number));
      if (box === null) throw damaged(`${what}: the value is missing`);
      try {
        return open(dataKeys.open(name, dataKey), placeOf(name, number), box, what);
      } catch (error) {
        throw isKeywardError(error, "malformed") ? damaged(error.message) : error;
      }
    },
  };
}

/** @throws KeywardError `usage` when it is empty, `too-large` over 1 MiB. */
export function assertValue(name: KeyName, value: Secret): void {
  if (value.length === 0) {
    throw new KeywardError("usage", `key ${printable(name)}: the value is empty`, {
      hint: "check the program or file that it comes from",
    });
  }
  if (value.length > MAX_VALUE_BYTES) {
    throw new KeywardError(
      "too-large",
      `key ${printable(name)}: the value is more than ${MAX_VALUE_BYTES} bytes`,
    );
  }
}

function placeOf(name: KeyName, number: VersionNumber): Uint8Array {
  return fields("keyward/v1", name, String(number));
}

function damaged(message: string): KeywardError {
  return new KeywardError("integrity", message, { hint: "restore the store from a backup" });
}
