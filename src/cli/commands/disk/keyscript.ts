/** `keyward disk keyscript`: a volume's key for the initramfs. */
import { askers, createAskHere } from "../../../adapters/askpass/askpass.ts";
import { systemWait } from "../../../agent/pace.ts";
import { KeywardError } from "../../../base/errors.ts";
import { parseDuration } from "../../../base/time.ts";
import { act } from "../../../command/command.ts";
import { guard } from "../../../command/guard.ts";
import { systemRandom } from "../../../crypto/random.ts";
import { bootKey } from "../../../machine/disk/boot-key.ts";
import { bootNode } from "../../../machine/disk/boot-node.ts";
import { nodeFlags, UNLOCK_BUDGET } from "../../../machine/disk/this-node.ts";
import { parseVolumeName } from "../../../model/volume.ts";

export const keyscript = act({
  summary: "In the initramfs: write a volume's key to standard output, for who opens it",
  words: ["NAME"],
  flags: {
    ...nodeFlags,
    timeout: { type: "string", value: "TIME", help: "How long to ask the servers before a person (20s)" },
    prompt: {
      type: "string",
      value: "PROGRAM",
      choices: [...askers, "none"],
      help: "Who asks a person for the recovery key after that: Debian's askpass, or systemd's (none)",
    },
  },
  calls: [],
  examples: ["keyward disk keyscript root --prompt askpass | cryptsetup open --key-file=- /dev/vda3 root"],
  notes: [
    "Called by what keyward disk initramfs installs: as a keyscript of crypttab(5), or at the socket at which systemd-cryptsetup asks. The node enrols anew with its key at each boot, and leaves its certificate to the agent in /run/keyward-boot.",
    "While it asks a person, it goes on asking the servers, and the first to give a key that fits ends the other. A server that refuses is asked again every half minute at most.",
  ],
  async run({ world, out }, { words: [text = ""], flags }) {
    guard(world.env);
    if (world.stdout.isTTY === true)
      throw new KeywardError("usage", "keyscript: a key is not shown on a terminal", {
        hint: "to open a volume by hand: keyward unlock",
      });
    const name = parseVolumeName(text);
    const budget = flags.timeout === undefined ? UNLOCK_BUDGET : parseDuration(flags.timeout);
    const asker = flags.prompt ?? "none";
    const node = bootNode(flags, world, out, name);
    using key = await bootKey(
      {
        ...{ serve: node.serve, fits: node.fits, say: node.say, wait: systemWait, random: systemRandom },
        askHere: asker === "none" ? null : createAskHere(asker),
      },
      name,
      budget,
      world.interrupted,
    );
    out.bytes(key.reveal());
  },
});
