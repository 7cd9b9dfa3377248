/** `keyward why NODE KEY`: one decision, explained. */

import { act } from "../../command/command.ts";
import type { Block } from "../../command/output.ts";
import { explain } from "../../command/view.ts";
import { parseKeyName, parseNodeName } from "../../model/name.ts";
import { runnable } from "../run.ts";

export const command = runnable(
  "why",
  act({
    summary: "Say why a node has a key, or what is missing",
    words: ["NODE", "KEY"],
    flags: {},
    calls: ["plan.why"],
    examples: ["keyward why db1 db/orders/password"],
    notes: [
      "For each grant of the key: which terms of its query match, by which attribute, and where that attribute comes from.",
    ],
    async run({ call, out }, { words: [node = "", key = ""] }) {
      const query = { node: parseNodeName(node), key: parseKeyName(key) };
      const answer = await call("plan.why", { query });
      const grants = answer.grants.map(
        ({ grant, explanation }): Block => ({
          kind: "lines",
          lines: [`grant ${grant.id}: ${grant.query}`, ...explain(explanation)],
        }),
      );
      out.show(answer, {
        blocks: [
          {
            kind: "lines",
            lines: [{ text: answer.summary, style: answer.has ? "green" : "yellow" }],
          },
          ...grants,
        ],
        names: answer.grants.map(({ grant }) => grant.id),
      });
    },
  }),
);
