/** `keyward doctor`: what wants to be seen to, each with the next step. */

import type { ResponseOf } from "../../api/shapes.ts";
import { EXIT_CHANGES_PENDING, isKeywardError } from "../../base/errors.ts";
import { act } from "../../command/command.ts";
import { everyPage } from "../../command/paging.ts";
import type { Session } from "../../command/session.ts";
import { type Asking, auditCheck, type Check, checks, doctorCalls, type Finding } from "../doctor/checks.ts";
import { runnable } from "../run.ts";

interface Looked {
  readonly check: string;
  readonly findings: readonly Finding[];
  /** Why it could not be looked at. */
  readonly refused?: string;
}

export const command = runnable(
  "doctor",
  act({
    summary: "Say what wants to be seen to, and the next step",
    words: [],
    flags: { audit: { type: "boolean", help: "Check every event of the audit log too" } },
    calls: doctorCalls,
    examples: ["keyward doctor", "keyward doctor --audit", "keyward doctor -o json"],
    notes: [
      "It changes nothing. What your rules do not let you see is left out, and said. Ends with 8 when there is something to see to, with 0 when there is nothing.",
    ],
    async run(session, { flags }) {
      const asking = askingOf(session);
      const looked: Looked[] = [];
      for (const check of flags.audit === true ? [...checks, auditCheck] : checks) {
        session.progress.say(check.name);
        looked.push(await look(check, asking));
      }
      session.progress.end();
      const rows = looked.flatMap(({ check, findings }) =>
        findings.map(({ about, finding, next }) => [
          check,
          about,
          { text: finding, style: "yellow" as const },
          next,
        ]),
      );
      session.out.show(
        { checks: looked },
        {
          blocks: [
            { kind: "table", head: ["CHECK", "ABOUT", "FINDING", "NEXT"], rows },
            ...(rows.length === 0
              ? [{ kind: "lines" as const, lines: ["nothing wants to be seen to"] }]
              : []),
          ],
          names: looked.filter(({ findings }) => findings.length > 0).map(({ check }) => check),
        },
      );
      for (const { check, refused } of looked)
        if (refused !== undefined) session.out.note(`not looked at: ${check}: ${refused}`);
      return rows.length === 0 ? 0 : EXIT_CHANGES_PENDING;
    },
  }),
);

/** A server that is sealed answers little, and that is what the first check says. */
async function look({ name, run }: Check, asking: Asking): Promise<Looked> {
  try {
    return { check: name, findings: await run(asking) };
  } catch (error) {
    const passed = isKeywardError(error) && ["denied", "sealed", "uninitialised"].includes(error.code);
    if (!passed) throw error;
    return { check: name, findings: [], refused: error.message };
  }
}

function askingOf({ call, world }: Session<(typeof doctorCalls)[number]>): Asking {
  let nodes: Promise<ResponseOf<"node.list">["nodes"]> | undefined;
  return {
    call,
    now: world.clock(),
    nodes() {
      nodes ??= everyPage({}, async ({ limit, after }) => {
        const answer = await call("node.list", {
          query: { limit, ...(after === undefined ? {} : { after }) },
        });
        return { items: answer.nodes, more: answer.more, last: answer.nodes.at(-1)?.name };
      });
      return nodes;
    },
  };
}
