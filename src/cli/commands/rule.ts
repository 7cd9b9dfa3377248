/** `keyward rule`: which actions on which names. */
import type { BodyOf } from "../../api/shapes.ts";
import { KeywardError } from "../../base/errors.ts";
import { closest } from "../../base/suggest.ts";
import { act } from "../../command/command.ts";
import { printable } from "../../model/name.ts";
import { actions } from "../../model/principal.ts";
import { ruleRows } from "../rule-rows.ts";
import { runnable } from "../run.ts";

type Allow = BodyOf<"rule.put">["allow"][number];

const add = act({
  summary: "Write a rule; one of the same name is replaced",
  words: ["NAME", "ALLOW..."],
  flags: {},
  calls: ["rule.put"],
  examples: [
    "keyward rule add orders-team key:read,key:write@db/orders/ key:list@db/",
    "keyward rule add auditor audit:read",
    "keyward rule add admin '*'",
  ],
  notes: [
    "ALLOW is a list of actions, and after @ what they may be done to: a name, or all that begins with it when it ends in a slash; nothing after it means everything. * stands for every action.",
    `Actions: ${actions.join(", ")}.`,
  ],
  async run({ call, out, dryRun }, { words: [name = "", ...allow] }) {
    const answer = await call("rule.put", { path: { name }, body: { allow: allow.map(parseAllow) } });
    out.show(answer, {
      blocks: [
        { kind: "lines", lines: [`${dryRun ? "would be written" : "wrote"}: rule ${name}`] },
        { kind: "table", head: ["RULE", "ON", "ACTIONS"], rows: ruleRows(answer) },
      ],
      names: [name],
    });
  },
});

/** `key:read,key:write@db/orders/`. @throws KeywardError `usage` */
export function parseAllow(word: string): Allow {
  const at = word.indexOf("@");
  const list = at < 0 ? word : word.slice(0, at);
  const prefix = at < 0 ? "" : word.slice(at + 1);
  return { actions: list === "*" ? "*" : list.split(",").map(parseAction), prefix };
}

function parseAction(word: string): (typeof actions)[number] {
  const action = actions.find((one) => one === word);
  if (action !== undefined) return action;
  const meant = closest(word, actions);
  throw new KeywardError("usage", `no action ${printable(word)}`, {
    hint: meant === null ? "see: keyward rule add --help" : `did you mean ${meant}?`,
  });
}

const list = act({
  summary: "List rules",
  words: [],
  flags: {},
  calls: ["rule.list"],
  examples: ["keyward rule list"],
  async run({ call, out }) {
    const answer = await call("rule.list", {});
    out.show(answer, {
      blocks: [{ kind: "table", head: ["RULE", "ON", "ACTIONS"], rows: answer.rules.flatMap(ruleRows) }],
      names: answer.rules.map((rule) => rule.name),
    });
  },
});

const rm = act({
  summary: "Remove a rule; who had it loses it",
  words: ["NAME"],
  flags: {},
  calls: ["rule.remove"],
  examples: ["keyward rule rm orders-team"],
  async run({ call, out, dryRun }, { words: [name = ""] }) {
    const answer = await call("rule.remove", { path: { name } });
    const line = `${dryRun ? "would be removed" : "removed"}: rule ${name}`;
    out.show(answer, { blocks: [{ kind: "lines", lines: [line] }], names: [name] });
  },
});

export const command = runnable("rule", {
  summary: "Rules: named lists of actions and of what they may be done to.",
  acts: { add, list, rm },
});
