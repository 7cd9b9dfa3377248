/** Recovery: a volume's key of last resort, split among people as seeds are. */
import { Secret } from "../../base/secret.ts";
import { systemRandom } from "../../crypto/random.ts";
import { openedSeed } from "../../derive/opened.ts";
import type { SeedShare } from "../../formats/seed/seed.ts";
import { type SharePlan, splitSeed } from "../../seed/shares.ts";

const KEY_BYTES = 32;

/** @returns The caller wipes the key and the shares' data. @throws KeywardError `usage` */
export async function recoveryShares(plan: SharePlan): Promise<{ key: Secret; shares: SeedShare[] }> {
  const key = Secret.take(systemRandom(KEY_BYTES));
  const { id } = openedSeed("keyward-1", key);
  return {
    key,
    shares: await splitSeed({ scheme: "keyward-1", id, generation: 1 }, key, plan, systemRandom),
  };
}
