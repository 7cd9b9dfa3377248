/** `keyward query test`: a query tried on the nodes. */

import { act } from "../../command/command.ts";
import { present } from "../../command/read-flags.ts";
import { explain, underscored } from "../../command/view.ts";
import { parseNodeName } from "../../model/name.ts";
import { runnable } from "../run.ts";

const test = act({
  summary: "Show which nodes a query selects, term by term with --node",
  words: ["QUERY"],
  queries: true,
  flags: { node: { type: "string", value: "NODE", help: "Explain the match or the miss of this node" } },
  calls: ["query.test"],
  examples: [
    "keyward query test 'role:api AND (env:prod OR env:stage) AND NOT tag:legacy'",
    "keyward query test 'role:api' --node db1",
  ],
  notes: [
    "Terms are attribute:value; values may hold * and ?, ranges are [1 TO 9], phrases are quoted. AND and OR in one query need parentheses.",
  ],
  async run({ call, out }, { words: [query = ""], flags }) {
    const node = flags.node === undefined ? undefined : parseNodeName(flags.node);
    const answer = await call("query.test", { query: present({ query, node }) });
    const lines = answer.explanation === undefined ? answer.nodes : explain(answer.explanation);
    out.show(answer, { blocks: [{ kind: "lines", lines }], names: answer.nodes });
    if (answer.explanation === undefined && answer.nodes.length === 0)
      out.note(`no node matches${underscored(query)}`);
  },
});

export const command = runnable("query", {
  summary: "Queries: which nodes have which attributes.",
  acts: { test },
});
