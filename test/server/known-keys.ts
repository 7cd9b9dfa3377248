/** The root key of a store, what is derived from it, and every data key: learned while no server runs on it. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fields, fromBase64 } from "../../src/base/bytes.ts";
import { Secret } from "../../src/base/secret.ts";
import { systemClock } from "../../src/base/time.ts";
import { hkdf } from "../../src/crypto/hkdf.ts";
import { systemRandom } from "../../src/crypto/random.ts";
import { keys } from "../../src/records/records.ts";
import { deriveFromFile } from "../../src/seal/file.ts";
import { createRootKey } from "../../src/seal/root-key.ts";
import { type SealInput, seals } from "../../src/seal/seal.ts";
import { openAny } from "../../src/seal/seals.ts";
import { openSqlite } from "../../src/store/sqlite/sqlite.ts";
import { createTransact } from "../../src/store/transaction.ts";

export interface KnownKeys {
  /** In memory as long as it is unsealed and all keys were read. */
  readonly held: Readonly<Record<string, Uint8Array>>;
  /** What makes them, and should not be found even then. */
  readonly passing: Readonly<Record<string, Uint8Array>>;
}

export async function learnKeys(data: string): Promise<KnownKeys> {
  const store = await openSqlite({ directory: data });
  const transact = createTransact(store);
  const text = readFileSync(join(data, "seal.key"), "utf8");
  const input = (): SealInput => ({ kind: "file", content: Secret.fromText(text) });
  const rootKey = createRootKey({ transact, clock: systemClock, random: systemRandom });
  const held: Record<string, Uint8Array> = {};
  const passing: Record<string, Uint8Array> = { "key file": Buffer.from(text.trim()) };
  await rootKey.unseal(input());
  await transact(async (tx) => {
    const rows = await seals.list(tx);
    const root = (await openAny(rows, input())).root.reveal();
    held["root key"] = root;
    for (const purpose of ["data-key", "system", "ca-key"])
      held[`wrapping key for ${purpose}`] = expand(root, "wrap", purpose, 64);
    for (const { name, dataKey } of await keys.list(tx))
      held[`data key of ${name}`] = rootKey.open("data-key", [name], fromBase64(dataKey, name)).reveal();
    for (const { derivation } of rows) {
      if (derivation.kind !== "file") continue;
      const key = deriveFromFile(Secret.fromText(text), fromBase64(derivation.salt, "salt"), 64);
      passing["key of the file seal"] = key.reveal();
    }
  });
  await store.close();
  return { held, passing };
}

function expand(root: Uint8Array, label: string, purpose: string, length: number): Uint8Array {
  return hkdf(root, new Uint8Array(0), fields(`keyward/v1/${label}`, purpose), length);
}
