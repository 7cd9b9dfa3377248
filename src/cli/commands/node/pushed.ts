/** A node that is pushed to, as `node show` and `node list` say it. */
import type { ResponseOf } from "../../../api/shapes.ts";
import type { Block } from "../../../command/output.ts";
import type { Cell } from "../../../command/terminal.ts";
import { duration, time } from "../../../command/view.ts";

type Node = ResponseOf<"node.show">["node"];
type Fields = Extract<Block, { kind: "fields" }>["fields"];

/** Whether a node has its watch open; or, of one that is pushed to, when it was reached last. */
export function connection({ connected, push, pushed }: Node): Cell {
  if (push === undefined) return connected ? "yes" : "no";
  if (pushed?.message !== undefined) return { text: "push, failed", style: "red" };
  return pushed?.reached === undefined ? "push" : `push, ${time(pushed.reached)}`;
}

/** @returns None for a node with an agent. */
export async function pushFields({ push, pushed }: Node): Promise<Fields> {
  if (push === undefined) return [];
  const { fingerprintOf, parsePublicLine } = await import("../../../formats/openssh/openssh.ts");
  const shown = (line: string): string => fingerprintOf(parsePublicLine(line).key);
  const { address, port, user, hostKeys, hostCas } = push.target;
  const failed = pushed?.message === undefined ? "" : `: ${pushed.message}`;
  return [
    ["pushed to", `${user}@${address} port ${port}, by ${push.driver}`],
    ["directory", push.directory],
    ...hostKeys.map((line): Fields[number] => ["host key", shown(line)]),
    ...hostCas.map((line): Fields[number] => ["host CA", shown(line)]),
    [push.redistribute === true ? "written anew" : "looked at", `every ${duration(push.every)}`],
    ["last push", pushed?.at === undefined ? undefined : `${time(pushed.at)}, ${pushed.outcome}${failed}`],
    ["last reached", pushed?.reached === undefined ? undefined : time(pushed.reached)],
    ["next push", pushed?.next === undefined ? undefined : time(pushed.next)],
  ];
}
