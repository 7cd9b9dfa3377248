/** Which chef repository a command works on. */
import path from "node:path";
import type { Flags } from "../command.ts";
import type { World } from "../world.ts";
import { openRepository, type Repository } from "./repository.ts";

export const repoFlag = {
  repo: { type: "string", value: "DIR", help: "A chef repository, which has data_bags/ in it (.)" },
} as const satisfies Flags;

/** @throws KeywardError `not-found` */
export function repositoryOf(
  { cwd }: Pick<World, "cwd">,
  flag: string | undefined,
  make = false,
): Repository {
  return openRepository(path.resolve(cwd, flag ?? "."), make);
}
