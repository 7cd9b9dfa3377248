/** `keyward disk lock`: a volume closed, and what runs on it stopped. */
import { type DurationMs, parseDuration } from "../../../base/time.ts";
import { act } from "../../../command/command.ts";
import { closeVolume } from "../../../disk/disk.ts";
import { knownVolume, nodeFlags, thisNode } from "../../../machine/disk/this-node.ts";

export const lock = act({
  summary: "Stop what runs on a volume, unmount and close it; asks no server",
  words: ["NAME"],
  flags: {
    state: nodeFlags.state,
    "evict-after": {
      type: "string",
      value: "TIME",
      help: "End who still uses it, after asking them for this long",
    },
    "or-suspend": {
      type: "boolean",
      help: "When it does not close: take its key out of the kernel; who uses it hangs",
    },
  },
  calls: [],
  examples: ["keyward disk lock data", "keyward disk lock data --evict-after 10s --or-suspend"],
  notes: ["It stays closed until keyward unlock, or the agent's next start."],
  async run({ world, out }, { words: [name = ""], flags }) {
    const node = thisNode(flags, world, out);
    const { delivery } = knownVolume(node, name);
    const evict = flags["evict-after"];
    const how = await closeVolume(node.host, delivery, {
      ...(evict === undefined ? {} : { evictAfter: parseDuration(evict) as DurationMs }),
      orSuspend: flags["or-suspend"] === true,
    });
    out.show(
      { name, state: how },
      { blocks: [{ kind: "lines", lines: [`${how}: ${name}`] }], names: [name] },
    );
  },
});
