/** `keyward pillar`: what a node should hold, as Salt's `cmd_json` reads it. */
import { utf8 } from "../../base/bytes.ts";
import { KeywardError } from "../../base/errors.ts";
import { act } from "../../command/command.ts";
import type { Cell } from "../../command/terminal.ts";
import type { World } from "../../command/world.ts";
import { type NodeFlags, nodeFlags, thisNode } from "../../machine/disk/this-node.ts";
import { type NodeName, parseNodeName } from "../../model/name.ts";
import { runnable } from "../run.ts";

/** Salt takes what a command says on standard error for a part of its answer. */
const silent = { note() {} };

/** @throws KeywardError `denied` when this host is another node. */
async function ownPillar(node: NodeName, flags: NodeFlags & { readonly values?: boolean }, world: World) {
  if (flags.values === true)
    throw new KeywardError("usage", "pillar: --own gives no values", {
      hint: "the agent puts each into its file; see: keyward agent",
    });
  const pillar = await thisNode(flags, world, silent).pillar();
  if (pillar.keyward.node === node) return pillar;
  throw new KeywardError("denied", `pillar: this is node ${pillar.keyward.node}, not ${node}`, {
    hint: "with --own a node asks for itself alone: Salt's id of a minion must be its node's name",
  });
}

export const command = runnable(
  "pillar",
  act({
    summary: "Print what a node should hold, as JSON for Salt's external pillars",
    words: ["NODE"],
    flags: {
      own: {
        type: "boolean",
        help: "On the node itself: by its agent's identity, without a token, and of no other node",
      },
      ...nodeFlags,
      values: { type: "boolean", help: "With the values of its keys: they will lie in Salt's caches" },
    },
    calls: ["pillar.show"],
    examples: ["keyward pillar db1", "keyward pillar --own -- db1", "keyward pillar --values -- db1"],
    notes: [
      "To a pipe goes JSON, to a terminal a table without values. Which keys it has is decided by the grants, as for the node's agent; a node that is not active has none, and the command fails. It needs node:read on the node, and with --values key:read on each of the keys.",
      "With --own the node asks for itself, as its agent would: a Salt minion without a master needs no token for that. It gets references only, and NODE must be its own name.",
      "Volumes have the members that contrib/salt/disk.sls reads. The key of a volume is never in it: the node asks for it when it opens the volume.",
    ],
    async run({ call, out, world }, { words: [word = ""], flags }) {
      const node = parseNodeName(word);
      const query = flags.values === true ? ({ values: "true" } as const) : {};
      const pillar =
        flags.own === true
          ? await ownPillar(node, flags, world)
          : await call("pillar.show", { path: { node }, query });
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
