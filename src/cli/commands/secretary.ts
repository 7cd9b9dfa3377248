/** `keyward secretary`, also by the name `secretary`: the command line of the original Secretary. */
import type { Runnable } from "../../command/command.ts";
import { act } from "../../command/command.ts";
import { directSinks } from "../../command/direct-sinks.ts";
import { secretary } from "../secretary.ts";
import { systemWorld } from "../system-world.ts";

const tree = act({
  summary: "Sealed values in configuration, with the commands of the original Secretary",
  words: ["[COMMAND...]"],
  flags: {},
  calls: [],
  examples: [
    "keyward secretary genkeys",
    "keyward secretary encrypt < password.txt",
    "keyward secretary decrypt -e",
  ],
  notes: [
    "Commands, flags, variables and messages are Secretary's: keyward secretary --help. Linked under the name secretary, it takes the original's place. What it does more safely is listed in docs/formats/secretary.md.",
    "For new values prefer keyward encrypt: whoever can seal ENC[NACL,…] can also open it.",
  ],
  run: async () => 0,
});

export const command: Runnable = {
  tree,
  run: (words, world = systemWorld(directSinks())) => secretary(words, world),
};
