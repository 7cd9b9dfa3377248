/** `keyward disk init`: a volume made on a blank device. */

import { act } from "../../../command/command.ts";
import { guard } from "../../../command/guard.ts";
import { nodeFlags, thisNode, UNLOCK_BUDGET } from "../../../machine/disk/this-node.ts";
import { parseVolumeName } from "../../../model/volume.ts";

export const init = act({
  summary: "Make a volume that is granted to this node on a device that is blank; refuse any other",
  words: ["NAME"],
  flags: nodeFlags,
  calls: [],
  examples: ["keyward disk init data"],
  notes: [
    "Blank is a device without a signature of any kind and with zeros at both ends. Nothing else is written to: to give up a disk, erase it by hand. A node that has opened the volume before does not make it anew: its header is lost, and keyward disk restore may bring it back.",
    "What the grant describes is done: logical volume, encryption, file system, mount. Broken off, it goes on.",
  ],
  async run({ world, out }, { words: [text = ""], flags }) {
    guard(world.env);
    const name = parseVolumeName(text);
    const volumes = await thisNode(flags, world, out).volumes();
    const { made, version } = await volumes.unlock(name, UNLOCK_BUDGET, world.interrupted, { make: true });
    const line = made ? `made: ${name}, with version ${version}` : `${name} was there already, and is open`;
    out.show({ name, made, version }, { blocks: [{ kind: "lines", lines: [line] }], names: [name] });
  },
});
