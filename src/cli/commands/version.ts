/** `keyward version`. The bare command is answered before this file is loaded (`main.ts`). */
import { act } from "../../command/command.ts";
import { version } from "../../command/release.ts";
import { runnable } from "../run.ts";

export const command = runnable(
  "version",
  act({
    summary: "Print the version of this program and of what runs it",
    words: [],
    flags: {},
    calls: [],
    examples: ["keyward version", "keyward version -o json"],
    async run({ out }) {
      const { bun } = process.versions;
      const runtime = bun === undefined ? `Node ${process.versions.node}` : `Bun ${bun}`;
      out.show(
        { version, runtime },
        {
          blocks: [{ kind: "lines", lines: [`keyward ${version}`] }],
          names: [version],
        },
      );
    },
  }),
);
