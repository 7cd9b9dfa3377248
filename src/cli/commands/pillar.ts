/** `keyward pillar`: what a node should hold, as Salt's `cmd_json` reads it. */
import { utf8 } from "../../base/bytes.ts";
import { act } from "../../command/command.ts";
import type { Cell } from "../../command/terminal.ts";
import { parseNodeName } from "../../model/name.ts";
import { runnable } from "../run.ts";

export const command = runnable(
  "pillar",
  act({
    summary: "Print what a node should hold, as JSON for Salt's external pillars",
    words: ["NODE"],
    flags: {
      values: { type: "boolean", help: "With the values of its keys: they will lie in Salt's caches" },
    },
    calls: ["pillar.show"],
    examples: ["keyward pillar db1", "keyward pillar --values -- db1"],
    notes: [
      "To a pipe goes JSON, to a terminal a table without values. Which keys it has is decided by the grants, as for the node's agent; a node that is not active has none, and the command fails. It needs node:read on the node, and with --values key:read on each of the keys.",
      "Volumes have the members that contrib/salt/disk.sls reads. The key of a volume is never in it: the node asks for it when it opens the volume.",
    ],
    async run({ call, out, world }, { words: [word = ""], flags }) {
      const query = flags.values === true ? ({ values: "true" } as const) : {};
      const pillar = await call("pillar.show", { path: { node: parseNodeName(word) }, query });
      if (out.format === "table" && world.stdout.isTTY !== true) {
        out.bytes(utf8(`${JSON.stringify(pillar)}\n`));
        return;
      }
      const keys = Object.entries(pillar.keyward.keys);
      const volumes = Object.entries(pillar.luks);
      const rows = [
        ...keys.map(([key, { version, paths }]): Cell[] => [key, String(version), paths.join(" ")]),
        ...volumes.map(([name, { key, version }]): Cell[] => [key, String(version), `opens ${name}`]),
      ];
      out.show(pillar, {
        blocks: [{ kind: "table", head: ["KEY", "VERSION", "PLACE"], rows }],
        names: [...new Set([...keys.map(([key]) => key), ...volumes.map(([, { key }]) => key)])],
      });
      if (rows.length === 0) out.note(`${pillar.keyward.node} should hold nothing`);
    },
  }),
);
