/** Files for shares, one a person: PREFIX-1.share and so on. */
import { existsSync } from "node:fs";
import path from "node:path";
import { KeywardError } from "../base/errors.ts";
import { readBytes } from "../command/read-file.ts";
import type { World } from "../command/world.ts";
import { assertAbsent } from "../command/write-file.ts";
import { MAX_SHARE_BYTES, MAX_SHARES, parseShare, type SeedShare } from "../formats/seed/seed.ts";
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

/** @returns The caller wipes its data. @throws KeywardError `local`, `malformed`, `integrity` */
export function readShare(file: string): SeedShare {
  const what = `share ${JSON.stringify(file)}`;
  if (!existsSync(file)) throw new KeywardError("local", `${what}: no such file`);
  const bytes = readBytes(file, "share", MAX_SHARE_BYTES);
  try {
    return parseShare(bytes, what);
  } finally {
    bytes.fill(0);
  }
}
