/** `keyward knife`, also by the name `knife`: Chef's command line, for scripts that call it. */

import { knife } from "../../chef/knife/knife.ts";
import type { Runnable } from "../../command/command.ts";
import { act } from "../../command/command.ts";
import { systemWorld } from "../system-world.ts";

const tree = act({
  summary: "Data bags, vaults, nodes and search, in knife's words and layouts",
  words: ["[COMMAND...]"],
  flags: {},
  calls: [],
  examples: [
    "keyward knife data bag show keymaster service123-production --secret-file secret -F json",
    "keyward knife vault show passwords root -M client -F json",
    "keyward knife search node 'roles:web AND chef_environment:production' -i",
  ],
  notes: [
    "Commands, flags, layouts and exit statuses are knife's: keyward knife data bag show --help. The server, the user and the key are those of -s, -u and -k, of KEYWARD_CHEF_SERVER, _USER and _KEY, or of knife's own configuration. Linked under the name knife, it takes its place. What it does otherwise is listed in docs/knife.md.",
  ],
  run: async () => 0,
});

export const command: Runnable = {
  tree,
  run: (words, world = systemWorld()) => knife(words, world),
};
