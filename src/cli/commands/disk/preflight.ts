/** `keyward disk preflight`: what will fail at the next boot. */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { act } from "../../../command/command.ts";
import type { Cell } from "../../../command/terminal.ts";
import { preflight as look, type PreflightFiles } from "../../../disk/disk.ts";
import { chosen, nodeFlags, noVolumes, thisNode } from "../../../machine/disk/this-node.ts";

const files: PreflightFiles = {
  read: (path) => orNull(() => readFileSync(path, "utf8")),
  list: (path) => orNull(() => readdirSync(path)),
  stat: (path) =>
    orNull(() => {
      const { mtimeMs, mode } = statSync(path);
      return { modified: mtimeMs, mode: mode & 0o777 };
    }),
};

export const preflight = act({
  summary: "Say before a reboot what will fail after it; nothing is changed",
  words: ["[NAME]"],
  flags: { ...nodeFlags, "no-server": { type: "boolean", help: "Look at this machine alone" } },
  calls: [],
  examples: ["keyward disk preflight", "keyward disk preflight data"],
  notes: [
    "Ends with 1 when something is wrong; warnings alone end with 0. Every server is asked whether it would give the key now; none gives it for that, and it does not count as an opening.",
  ],
  async run({ world, out }, { words, flags }) {
    const node = thisNode(flags, world, out);
    const known = chosen(node, words);
    const volumes = flags["no-server"] === true || known.length === 0 ? null : await node.volumes();
    const lines = [];
    for (const { key, delivery, recovery } of known) {
      const here = await look(node.host, key, delivery, [], files, recovery);
      const there = (await volumes?.rehearse(delivery.name)) ?? [];
      for (const line of [...here, ...there]) lines.push({ volume: delivery.name, ...line });
    }
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
    if (known.length === 0) out.note(noVolumes(node));
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
