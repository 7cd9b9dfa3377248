/** `keyward status`. */
import { act } from "../../command/command.ts";
import { plainJson } from "../../command/terminal.ts";
import { state, time } from "../../command/view.ts";
import { runnable } from "../run.ts";

export const command = runnable(
  "status",
  act({
    summary: "Show whether the server is there, and whether it is sealed",
    words: [],
    flags: {
      metrics: { type: "boolean", help: "Print the figures for Prometheus instead" },
      openapi: { type: "boolean", help: "Print the API as OpenAPI 3.1 instead" },
    },
    calls: ["server.status", "server.metrics", "server.openapi"],
    examples: ["keyward status", "keyward status -o json", "keyward status --openapi > keyward.json"],
    notes: ["Ends with 2 when the server is sealed or has no root key yet."],
    async run({ call, text, out, target, world }, { flags }) {
      if (flags.metrics === true) {
        world.stdout.write(await text("server.metrics"));
        return 0;
      }
      if (flags.openapi === true) {
        world.stdout.write(`${plainJson(await call("server.openapi", {}), 2)}\n`);
        return 0;
      }
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
