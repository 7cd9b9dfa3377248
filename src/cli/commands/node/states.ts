/** `keyward node freeze`, `thaw`, `revoke`, `rm`. */

import { act } from "../../../command/command.ts";
import { present } from "../../../command/read-flags.ts";
import { changeBlocks } from "../../../command/view.ts";
import { parseNodeName } from "../../../model/name.ts";

const reason = {
  reason: { type: "string", value: "TEXT", help: "Why, for those who look later" },
} as const;

export const freeze = act({
  summary: "Give a node nothing until it is thawed",
  words: ["NAME"],
  flags: reason,
  calls: ["node.freeze"],
  examples: ["keyward node freeze db1 --reason 'disk stolen?'"],
  async run({ call, out, dryRun }, { words: [name = ""], flags }) {
    const path = { name: parseNodeName(name) };
    const answer = await call("node.freeze", { path, body: present({ reason: flags.reason }) });
    const line = `${dryRun ? "would be frozen" : "frozen"}: ${name}`;
    out.show(answer, { blocks: changeBlocks(line, answer.effect), names: [name] });
  },
});

export const thaw = act({
  summary: "End a freeze",
  words: ["NAME"],
  flags: {},
  calls: ["node.thaw"],
  examples: ["keyward node thaw db1"],
  async run({ call, out, dryRun }, { words: [name = ""] }) {
    const answer = await call("node.thaw", { path: { name: parseNodeName(name) } });
    const line = `${dryRun ? "would be thawed" : "thawed"}: ${name}`;
    out.show(answer, { blocks: changeBlocks(line, answer.effect), names: [name] });
  },
});

export const revoke = act({
  summary: "Refuse a node from now on; its keys are withdrawn",
  words: ["NAME"],
  flags: reason,
  calls: ["node.revoke"],
  examples: ["keyward node revoke db1 --dry-run", "keyward node revoke db1 --reason decommissioned"],
  notes: ["To come back the machine enrols anew, after keyward node rm."],
  async run({ call, out, dryRun }, { words: [name = ""], flags }) {
    const path = { name: parseNodeName(name) };
    const answer = await call("node.revoke", { path, body: present({ reason: flags.reason }) });
    const line = `${dryRun ? "would be revoked" : "revoked"}: ${name}`;
    out.show(answer, { blocks: changeBlocks(line, answer.effect), names: [name] });
  },
});

export const rm = act({
  summary: "Revoke and forget a node",
  words: ["NAME"],
  flags: {},
  calls: ["node.remove"],
  examples: ["keyward node rm db1 --dry-run", "keyward node rm db1"],
  async run({ call, out, dryRun }, { words: [name = ""] }) {
    const answer = await call("node.remove", { path: { name: parseNodeName(name) } });
    const line = `${dryRun ? "would be removed" : "removed"}: ${name}`;
    out.show(answer, { blocks: changeBlocks(line, answer.effect), names: [name] });
  },
});
