/** `keyward plan`: what would change on the nodes, and why. */
import { EXIT_CHANGES_PENDING } from "../../base/errors.ts";
import { act } from "../../command/command.ts";
import { present } from "../../command/read-flags.ts";
import { planBlock } from "../../command/view.ts";
import { runnable } from "../run.ts";

export const command = runnable(
  "plan",
  act({
    summary: "Show who gains and who loses what, and why",
    words: [],
    flags: {
      node: { type: "string", value: "NODE", help: "Only this node" },
      key: { type: "string", value: "KEY", help: "Only this key" },
    },
    calls: ["plan.show"],
    examples: ["keyward plan", "keyward plan --node db1", "keyward plan -o json"],
    notes: ["Ends with 8 when changes are pending, with 0 when every node holds what it should."],
    async run({ call, out }, { flags: { node, key } }) {
      const answer = await call("plan.show", { query: present({ node, key }) });
      const { lines } = answer;
      out.show(answer, {
        blocks:
          lines.length === 0
            ? [{ kind: "lines", lines: ["every node holds what it should"] }]
            : [planBlock(lines), { kind: "lines", lines: [countsOf(lines)] }],
        names: [...new Set(lines.map((line) => line.node))],
      });
      for (const warning of answer.warnings) out.note({ text: `warning: ${warning}`, style: "yellow" });
      return lines.length === 0 ? 0 : EXIT_CHANGES_PENDING;
    },
  }),
);

function countsOf(lines: readonly { readonly change: string }[]): string {
  const count = (change: string): number => lines.filter((line) => line.change === change).length;
  return `${count("gain")} to gain, ${count("replace")} to replace, ${count("lose")} to lose`;
}
