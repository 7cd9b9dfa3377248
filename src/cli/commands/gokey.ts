/** `keyward gokey`, also by the name `gokey`: passwords and keys from a master password, as Cloudflare's gokey gives them. */
import type { Runnable } from "../../command/command.ts";
import { act } from "../../command/command.ts";
import { directSinks } from "../../command/direct-sinks.ts";
import { gokey } from "../../machine/gokey/gokey.ts";
import { systemWorld } from "../system-world.ts";

const tree = act({
  summary: "Derive passwords and keys from a master password, as gokey does",
  words: ["[FLAG...]"],
  flags: {},
  calls: [],
  examples: [
    "keyward gokey -r example.com",
    "keyward gokey -t seed -o seed",
    "keyward gokey -s seed -r web1 -t ed25519 -o key.pem",
  ],
  notes: [
    "Flags, prompts and messages are gokey's: keyward gokey -h. Linked under the name gokey, it takes the original's place.",
  ],
  run: async () => 0,
});

export const command: Runnable = {
  tree,
  run: (words, world = systemWorld(directSinks())) => gokey(words, world),
};
