/** `keyward disk approve`: yes to a node that waits for a volume's key. */

import { act } from "../../../command/command.ts";
import { parseNodeName } from "../../../model/name.ts";
import { parseVolumeName } from "../../../model/volume.ts";

export const approve = act({
  summary: "Say yes to the next opening of a node's volume",
  words: ["NODE", "NAME"],
  flags: {},
  calls: ["disk.approve"],
  examples: ["keyward disk list --waiting", "keyward disk approve db1 data"],
  notes: ["It holds for an hour and for one opening. It needs the right disk:approve on the volume's key."],
  async run({ call, out, dryRun }, { words: [node = "", name = ""] }) {
    const body = { node: parseNodeName(node), name: parseVolumeName(name) };
    const answer = await call("disk.approve", { body });
    const left = answer.lacking === 0 ? "it may open now" : `${answer.lacking} more to come`;
    const line = `${dryRun ? "would be approved" : "approved"}: ${name} of ${node}; ${left}`;
    out.show(answer, { blocks: [{ kind: "lines", lines: [line] }], names: [name] });
  },
});
