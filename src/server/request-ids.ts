/** Request ids tie an answer, a log line and an event together. */
import { toHex } from "../base/bytes.ts";
import type { Random } from "../crypto/random.ts";

/** `8f3a91c2-1`, `8f3a91c2-2`, …: told apart from those of other starts by their first part. */
export function createRequestIds(random: Random): () => string {
  const start = toHex(random(4));
  let count = 0;
  return () => `${start}-${(++count).toString(36)}`;
}
