/** A first word that is no command: `--help`, or a mistake. */
import { KeywardError } from "../base/errors.ts";
import { closest } from "../base/suggest.ts";
import { report } from "../command/errors.ts";
import type { World } from "../command/world.ts";
import { printable } from "../model/name.ts";
import { commands } from "./commands.ts";
import { helpForAll } from "./overview.ts";
import { systemWorld } from "./system-world.ts";

/** @returns The exit status. */
export function unknownCommand(name: string, world: World = systemWorld()): number {
  if (name === "--help" || name === "-h") {
    world.stdout.write(helpForAll());
    return 0;
  }
  const names = commands.flatMap((entry) => [entry.name, ...(entry.aliases ?? [])]);
  const meant = closest(name, names);
  const hint = meant === null ? "see: keyward help" : `did you mean: keyward ${meant}?`;
  return report(new KeywardError("usage", `no command ${printable(name)}`, { hint }), world, "table");
}
