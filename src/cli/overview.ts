/** All commands on one page: what `keyward help` prints. */

import { aligned, section } from "../command/help.ts";
import { chapters, commands } from "./commands.ts";

export function helpForAll(): string {
  const parts = Object.entries(chapters).map(([chapter, title]) => {
    const entries = commands.filter((entry) => entry.chapter === chapter);
    return section(title, aligned(entries.map((entry): [string, string] => [entry.name, entry.summary])));
  });
  return [
    "Keyward puts the right key on the right server at the moment it is needed.\n\n  keyward COMMAND [flags]",
    ...parts,
    "keyward help COMMAND shows examples. See also: keyward help exit-codes, keyward help environment.\n",
  ].join("\n\n");
}
