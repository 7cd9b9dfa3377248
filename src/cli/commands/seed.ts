/** `keyward seed`: the seed of a machine, from which its keys follow. */
import { runnable } from "../run.ts";
import { importSeed } from "./seed/import.ts";
import { show } from "./seed/look.ts";
import { create, install } from "./seed/new.ts";
import { rewrap } from "./seed/rewrap.ts";
import { rotate } from "./seed/rotate.ts";
import { join, recover, split } from "./seed/shares.ts";

export const command = runnable("seed", {
  summary: "Seeds: 32 bytes that a machine keeps, from which all its keys follow.",
  acts: { new: create, show, rewrap, import: importSeed, split, join, install, recover, rotate },
});
