/** `keyward realm`: the ledger of what follows from a seed. */
import { runnable } from "../run.ts";
import { add } from "./realm/add.ts";
import { deliver } from "./realm/deliver.ts";
import { exportRealms, importRealms } from "./realm/exchange.ts";
import { list, show } from "./realm/look.ts";
import { set } from "./realm/set.ts";
import { bump, retire } from "./realm/versions.ts";

export const command = runnable("realm", {
  summary: "Realms: which keys follow from a seed, and which version of each is current.",
  acts: { list, show, add, set, bump, retire, deliver, export: exportRealms, import: importRealms },
});
