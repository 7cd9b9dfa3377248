/** `keyward push`: what nodes without an agent should hold, brought to them now. */
import type { ResponseOf } from "../../api/shapes.ts";
import { KeywardError } from "../../base/errors.ts";
import { act } from "../../command/command.ts";
import { everyPage } from "../../command/paging.ts";
import { integer, period, present } from "../../command/read-flags.ts";
import type { Session } from "../../command/session.ts";
import { planBlock, state } from "../../command/view.ts";
import { parseNodeName } from "../../model/name.ts";
import { runnable } from "../run.ts";

type Line = ResponseOf<"push.run">;
type Failed = Extract<Line, { kind: "failed" }>;
type Done = Extract<Line, { kind: "done" }>;

const push = act({
  summary: "Push to nodes without an agent what they should hold, now",
  words: ["[NODE...]"],
  flags: {
    query: { type: "string", value: "QUERY", help: "Those that a query selects; all unless given" },
    key: { type: "string", value: "KEY", help: "Only nodes that hold this key, or should" },
    concurrency: { type: "string", value: "N", help: "At once; 64 unless given, 256 at most" },
    timeout: { type: "string", value: "TIME", help: "For each node; 30s unless given" },
    every: {
      type: "string",
      value: "TIME",
      help: "Write anew what went out so long ago or longer, as KeyMaster does; compared unless given",
    },
  },
  changes: true,
  calls: ["push.run", "plan.show", "node.list"],
  examples: [
    "keyward push",
    "keyward push web1 web2",
    "keyward push --query 'role:web' --dry-run",
    "keyward push --key db/orders/password",
    "keyward push --every 420m",
    "keyward push -o json",
  ],
  notes: [
    "What is so already is not written. The server pushes by itself too, at each change and as often as a node says.",
    "Ends with 8 when a node could not be pushed to; the others have been all the same.",
  ],
  async run(session, { words, flags }) {
    const { call, stream, out, progress, dryRun } = session;
    const nodes = words.length === 0 ? undefined : words.map(parseNodeName);
    if (nodes !== undefined && flags.query !== undefined)
      throw new KeywardError("usage", "want names of nodes or --query, not both");
    if (dryRun) {
      const names = new Set<string>(nodes ?? (await withoutAgent(session, flags.query)));
      const { lines } = await call("plan.show", { query: {} });
      const shown = lines.filter(
        ({ node, key }) => names.has(node) && (flags.key === undefined || flags.key === key),
      );
      out.show({ lines: shown }, { blocks: [planBlock(shown)], names: shown.map(({ node }) => node) });
      return 0;
    }
    const body = present({
      query: flags.query,
      nodes,
      key: flags.key,
      concurrency: integer(flags.concurrency, "--concurrency", 1),
      timeout: period(flags.timeout),
      every: period(flags.every),
    });
    const done: Done[] = [];
    const failed: Failed[] = [];
    let total = 0;
    for await (const line of stream("push.run", { body })) {
      if (line.kind === "begin") total = line.total;
      else if (line.kind === "done") done.push(line);
      else failed.push(line);
      progress.say(`${done.length + failed.length} of ${total} nodes, ${failed.length} failed`);
    }
    progress.end();
    if (total === 0)
      out.note("no such nodes without an agent; add one: keyward node push NAME --address HOST");
    const complete = done.length + failed.length === total;
    out.show(
      { total, complete, done, failed },
      {
        blocks: [
          { kind: "table", head: ["OUTCOME", "NODES", "FILES"], rows: summary(done, failed) },
          {
            kind: "table",
            head: failed.length === 0 ? [] : ["NODE", "FAILED"],
            rows: failed.map((one) => [one.node, one.message]),
          },
        ],
        names: failed.map(({ node }) => node),
      },
    );
    return failed.length === 0 && complete ? 0 : 8;
  },
});

async function withoutAgent(
  { call }: Pick<Session<"node.list">, "call">,
  query: string | undefined,
): Promise<string[]> {
  const nodes = await everyPage({}, async (page) => {
    const answer = await call("node.list", { query: present({ query, ...page }) });
    return { items: answer.nodes, more: answer.more, last: answer.nodes.at(-1)?.name };
  });
  return nodes.flatMap(({ name, push }) => (push === undefined ? [] : [name]));
}

function summary(done: readonly Done[], failed: readonly Failed[]) {
  const counts = new Map<string, { nodes: number; files: number }>();
  const add = (name: string, files: number): void => {
    const { nodes = 0, files: before = 0 } = counts.get(name) ?? {};
    counts.set(name, { nodes: nodes + 1, files: before + files });
  };
  for (const { outcome, installed = 0, withdrawn = 0, files = 0 } of done)
    add(outcome, installed + withdrawn + files);
  for (const { code } of failed) add(`failed: ${code}`, 0);
  return [...counts].map(([name, { nodes, files }]) => [
    name.startsWith("failed") ? state(name) : name,
    String(nodes),
    String(files),
  ]);
}

export const command = runnable("push", push);
