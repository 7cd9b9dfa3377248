/** `keyward whoami`. */
import { act } from "../../command/command.ts";
import { time } from "../../command/view.ts";
import { ruleRows } from "../rule-rows.ts";
import { runnable } from "../run.ts";

export const command = runnable(
  "whoami",
  act({
    summary: "Show who you are to the server, and what your rules allow",
    words: [],
    flags: {},
    calls: ["access.whoami"],
    examples: ["keyward whoami"],
    async run({ call, out, target }) {
      const answer = await call("access.whoami", {});
      const place = target();
      out.show(answer, {
        blocks: [
          {
            kind: "fields",
            fields: [
              ["you are", answer.principal],
              place.kind === "server" ? ["server", place.address] : ["store", place.data],
              ["until", answer.expires === undefined ? undefined : time(answer.expires)],
            ],
          },
          { kind: "table", head: ["RULE", "ON", "ACTIONS"], rows: answer.rules.flatMap(ruleRows) },
        ],
        names: [answer.principal],
      });
    },
  }),
);
