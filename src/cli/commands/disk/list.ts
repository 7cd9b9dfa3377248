/** `keyward disk list`: the volumes of all nodes, as the server knows them. */
import type { ResponseOf } from "../../../api/shapes.ts";
import { act } from "../../../command/command.ts";
import type { Cell } from "../../../command/terminal.ts";
import { time } from "../../../command/view.ts";
import { parseNodeName } from "../../../model/name.ts";

type Volume = ResponseOf<"disk.list">["volumes"][number];

export const list = act({
  summary: "List volumes: what they open with, when they were opened, who waits",
  words: ["[NODE]"],
  flags: {
    waiting: { type: "boolean", help: "Only those that wait for approval" },
  },
  calls: ["disk.list"],
  examples: ["keyward disk list", "keyward disk list db1", "keyward disk list --waiting"],
  async run({ call, out }, { words: [node], flags }) {
    const query = node === undefined ? {} : { node: parseNodeName(node) };
    const { volumes: all } = await call("disk.list", { query });
    const volumes = flags.waiting === true ? all.filter(({ asked }) => asked !== undefined) : all;
    out.show(
      { volumes },
      {
        blocks: [
          {
            kind: "table",
            head: ["NODE", "NAME", "KEY", "DEVICE", "MOUNT", "VERSION", "LAST ASKED", "RECOVERY", "STATE"],
            rows: volumes.map(rowOf),
          },
        ],
        names: volumes.map((volume) => `${volume.node}/${volume.delivery.name}`),
      },
    );
    if (volumes.length === 0) out.note("no such volumes; grant one: keyward grant add KEY --unlock luks");
  },
});

function rowOf(volume: Volume): Cell[] {
  const { node, key, delivery, version, proved, opened } = volume;
  return [
    node,
    delivery.name,
    key,
    delivery.device,
    delivery.mount?.point ?? "",
    proved === undefined || proved === version ? String(version) : `${proved}, then ${version}`,
    time(opened),
    recoveryCell(volume),
    stateOf(volume),
  ];
}

/** What is known here of its recovery key; on the node, preflight says more. */
function recoveryCell({ delivery: { escrow, name }, recovery, node }: Volume): Cell {
  if (escrow === undefined) return "";
  if (recovery === undefined) return `${escrow.threshold}/${escrow.shares} by hand`;
  const { generation, threshold, holders, made, fetched, due } = recovery;
  const wanted = `${escrow.threshold}/${escrow.shares}`;
  if (generation === 0) return { text: `${wanted} wanted, none yet`, style: "yellow" };
  const has = `${threshold}/${holders.length}, sealed to ${holders.join(", ")}, made ${time(made)}`;
  if (due === true) return { text: `${has}; to be made anew`, style: "yellow" };
  if (fetched === undefined) return has;
  return { text: `${has}; fetched ${time(fetched)}: keyward disk renew ${node} ${name}`, style: "yellow" };
}

function stateOf({ asked, lacking, failed, proved, version, opened }: Volume): Cell {
  if (asked !== undefined) return { text: `waits for approval: ${lacking} more`, style: "yellow" };
  if (failed !== undefined) return { text: failed, style: "red" };
  if (proved === undefined) return opened === undefined ? "never opened" : "not proved yet";
  return proved === version ? { text: "ok", style: "green" } : { text: "to be rotated", style: "yellow" };
}
