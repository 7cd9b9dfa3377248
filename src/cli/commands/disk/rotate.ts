/** `keyward disk rotate`: this node's volumes to the key's current version. */
import { isKeywardError } from "../../../base/errors.ts";
import { act } from "../../command.ts";
import { chosen, nodeFlags, thisNode, UNLOCK_BUDGET } from "../../disk/this-node.ts";
import { usage } from "../../session.ts";

export const rotate = act({
  summary: "Take this node's volumes to the version that the server wants; also after one was broken off",
  words: ["[NAME]"],
  flags: { ...nodeFlags, all: { type: "boolean", help: "All volumes of this node" } },
  calls: [],
  examples: ["keyward key rotate disk/db1", "keyward disk rotate data", "keyward disk rotate --all"],
  notes: [
    "A new version is made at the server: keyward key rotate. Running agents then rotate by themselves, and keyward plan shows which nodes have not; this does the same, now. A header copy comes first; the old slot goes when the server has believed that the new one opens the volume. Killed at any step, it goes on where it was.",
  ],
  async run({ world, out }, { words, flags }) {
    if ((words.length === 0) !== (flags.all === true)) throw usage("name a volume, or say --all");
    const node = thisNode(flags, world, out);
    const names = chosen(node, words).map(({ delivery }) => delivery.name);
    const volumes = await node.volumes();
    const done: { name: string; version: number; removed: readonly number[] }[] = [];
    let worst = 0;
    for (const name of names) {
      try {
        const { version, removed } = await volumes.rotate(name, UNLOCK_BUDGET, world.interrupted);
        done.push({ name, version, removed });
      } catch (error) {
        if (!isKeywardError(error)) throw error;
        out.note(`${name}: ${error.message}${error.hint === undefined ? "" : `; ${error.hint}`}`);
        worst = Math.max(worst, error.exitStatus);
      }
    }
    const lines = done.map(
      ({ name, version, removed }) =>
        `${name}: opens with version ${version}${removed.length === 0 ? "" : `, ${removed.length} old slot removed`}`,
    );
    out.show({ volumes: done }, { blocks: [{ kind: "lines", lines }], names: done.map(({ name }) => name) });
    return worst;
  },
});
