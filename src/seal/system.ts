/**
 * System secrets: keys of the server's own (the audit log's signing key, say), one for each purpose, kept
 * wrapped under the root key.
 */
import { fromBase64, toBase64 } from "../base/bytes.ts";
import { KeywardError } from "../base/errors.ts";
import type { Secret } from "../base/secret.ts";
import type { Transaction } from "../store/store.ts";
import { createTable } from "../store/table.ts";
import type { RootKey } from "./root-key.ts";

interface SystemRow {
  readonly purpose: string;
  /** The wrapped secret, base64. */
  readonly box: string;
}

const system = createTable<SystemRow>("system/", (row) => row.purpose);

/**
 * The secret kept for a purpose; made and kept when there is none yet.
 *
 * @param make - May run more than once, as the transaction may.
 * @returns A copy, which the caller wipes in `onSeal`.
 * @throws KeywardError `sealed`, `uninitialised`, `integrity`
 */
export async function systemSecret(
  tx: Transaction,
  rootKey: RootKey,
  purpose: string,
  make: () => Secret | Promise<Secret>,
): Promise<Secret> {
  const row = await system.get(tx, purpose);
  if (row !== null) return rootKey.open("system", [purpose], boxOf(row));
  const secret = await make();
  const box = toBase64(rootKey.seal("system", [purpose], secret));
  system.put(tx, { purpose, box });
  return secret;
}

function boxOf({ purpose, box }: SystemRow): Uint8Array {
  try {
    return fromBase64(box, `system ${purpose}`);
  } catch (cause) {
    const hint = "restore the store from a backup";
    throw new KeywardError("integrity", `system ${purpose}: the record was changed`, { hint, cause });
  }
}
