/** `keyward status`. */
import { act } from "../command.ts";
import { runnable } from "../run.ts";
import { state, time } from "../view.ts";

export const command = runnable(
  "status",
  act({
    summary: "Show whether the server is there, and whether it is sealed",
    words: [],
    flags: {},
    calls: ["server.status"],
    examples: ["keyward status", "keyward status -o json"],
    notes: ["Ends with 2 when the server is sealed or has no root key yet."],
    async run({ call, out, target }) {
      const answer = await call("server.status", {});
      const place = target();
      out.show(answer, {
        blocks: [
          {
            kind: "fields",
            fields: [
              place.kind === "server" ? ["server", place.address] : ["store", place.data],
              ["state", state(answer.state)],
              ["version", answer.version],
              ["revision", String(answer.revision)],
              ["nodes", `${answer.nodes}, ${answer.connected} connected`],
              ["started", time(answer.started)],
            ],
          },
        ],
        names: [answer.state],
      });
      return answer.state === "unsealed" ? 0 : 2;
    },
  }),
);
