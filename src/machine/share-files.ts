/** Files for shares, one a person: PREFIX-1.share and so on. */
import path from "node:path";
import { KeywardError } from "../base/errors.ts";
import type { World } from "../command/world.ts";
import { assertAbsent } from "../command/write-file.ts";
import { MAX_SHARES } from "../formats/seed/seed.ts";
import type { SharePlan } from "../seed/shares.ts";

/** @throws KeywardError `usage` for a plan that cannot be, `conflict` when one of the files is there. */
export function shareFiles(
  world: Pick<World, "cwd">,
  prefix: string,
  { count, threshold }: SharePlan,
): string[] {
  if (count > MAX_SHARES || threshold > count)
    throw new KeywardError(
      "usage",
      `want ${MAX_SHARES} shares at most, and a threshold of no more than them`,
    );
  const start = path.resolve(world.cwd, prefix);
  const files = Array.from({ length: count }, (_, i) => `${start}-${i + 1}.share`);
  for (const file of files) assertAbsent(file, "share");
  return files;
}
