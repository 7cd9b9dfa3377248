/** `keyward disk preflight`: what will fail at the next boot. */
import { readdirSync, readFileSync } from "node:fs";
import { preflight as look, type PreflightFiles } from "../../../disk/disk.ts";
import { act } from "../../command.ts";
import { chosen, nodeFlags, thisNode } from "../../disk/this-node.ts";
import type { Cell } from "../../terminal.ts";

const files: PreflightFiles = {
  read: (path) => orNull(() => readFileSync(path, "utf8")),
  list: (path) => orNull(() => readdirSync(path)),
};

export const preflight = act({
  summary: "Say before a reboot what will fail after it; nothing is changed",
  words: ["[NAME]"],
  flags: { state: nodeFlags.state },
  calls: [],
  examples: ["keyward disk preflight", "keyward disk preflight data"],
  notes: [
    "Ends with 1 when something is wrong; warnings alone end with 0. The server is not asked: that would count as an opening.",
  ],
  async run({ world, out }, { words, flags }) {
    const node = thisNode(flags, world, out);
    const lines = [];
    for (const { key, delivery } of chosen(node, words))
      for (const line of await look(node.host, key, delivery, [], files))
        lines.push({ volume: delivery.name, ...line });
    const style = { ok: "green", warning: "yellow", wrong: "red" } as const;
    const rows = lines.map(({ volume, check, state, says }): Cell[] => [
      volume,
      check,
      { text: state, style: style[state] },
      says,
    ]);
    out.show(
      { checks: lines },
      {
        blocks: [{ kind: "table", head: ["NAME", "CHECK", "STATE", "SAYS"], rows }],
        names: lines.filter(({ state }) => state === "wrong").map(({ volume }) => volume),
      },
    );
    return lines.some(({ state }) => state === "wrong") ? 1 : 0;
  },
});

function orNull<T>(use: () => T): T | null {
  try {
    return use();
  } catch {
    return null;
  }
}
