/** `keyward disk restore`: a volume's header from its sealed copy. */

import { act } from "../../../command/command.ts";
import { guard } from "../../../command/guard.ts";
import { nodeFlags, thisNode, UNLOCK_BUDGET } from "../../../machine/disk/this-node.ts";
import { parseVolumeName } from "../../../model/volume.ts";

export const restore = act({
  summary: "Bring a damaged volume's header back from the copy that was kept of it",
  words: ["NAME"],
  flags: { ...nodeFlags, yes: { type: "boolean", help: "Replace a header that is whole, too" } },
  calls: [],
  examples: ["keyward disk restore data"],
  notes: [
    "Copies lie in the agent's state directory, sealed under the volume's key: the server must give it. The slots are then those of the copy. A header that is whole stays unless --yes is given.",
  ],
  async run({ world, out }, { words: [text = ""], flags }) {
    guard(world.env);
    const name = parseVolumeName(text);
    const volumes = await thisNode(flags, world, out).volumes();
    const { version } = await volumes.restore(name, flags.yes === true, UNLOCK_BUDGET, world.interrupted);
    const line = `restored: the header of ${name}; version ${version} opens it`;
    out.show({ name, version }, { blocks: [{ kind: "lines", lines: [line] }], names: [name] });
  },
});
