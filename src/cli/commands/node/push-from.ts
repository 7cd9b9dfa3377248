/** `keyward node push --from chef`: addresses and host keys of many nodes, as an inventory says them. */
import type { BodyOf } from "../../../api/shapes.ts";
import { isKeywardError, KeywardError } from "../../../base/errors.ts";
import { everyPage } from "../../../command/paging.ts";
import { present } from "../../../command/read-flags.ts";
import type { Session } from "../../../command/session.ts";
import { planBlock } from "../../../command/view.ts";
import { chefHost } from "../../../model/chef-host.ts";
import { parseNodeName, printable } from "../../../model/name.ts";

type Push = NonNullable<BodyOf<"node.push">["push"]>;
type PushSession = Pick<
  Session<"node.push" | "node.list" | "node.show">,
  "call" | "out" | "dryRun" | "progress"
>;

export interface Chosen {
  readonly source: string;
  readonly names: readonly string[];
  readonly query: string | undefined;
  /** What was typed goes before what is said. */
  readonly how: Partial<Push>;
}

/** @returns 8 when one could not be pinned; the others are all the same. */
export async function pushAsInventorySays(
  session: PushSession,
  { source, names, query, how }: Chosen,
): Promise<number> {
  const { call, out, dryRun, progress } = session;
  if (source !== "chef")
    throw new KeywardError(
      "usage",
      `source ${printable(source)}: the one that says how nodes are reached is chef`,
    );
  if ((names.length === 0) === (query === undefined))
    throw new KeywardError("usage", "want names of nodes or --query, and not both");
  const nodes = query === undefined ? names.map(parseNodeName) : await selected(session, query);
  const { fingerprintOf, parsePublicLine } = await import("../../../formats/openssh/openssh.ts");
  const pinned: { node: string; address: string; hostKeys: string[] }[] = [];
  const failed: { node: string; message: string }[] = [];
  const effect: Parameters<typeof planBlock>[0][number][] = [];
  for (const node of nodes) {
    try {
      const push = await reachedAt(session, source, node, how);
      const shown = (push.hostKeys ?? []).map((line) => fingerprintOf(parsePublicLine(line, "host key").key));
      const answer = await call("node.push", { path: { name: node }, body: { push } });
      effect.push(...answer.effect);
      pinned.push({ node, address: push.address, hostKeys: shown });
    } catch (error) {
      if (!isKeywardError(error) || !OF_ONE_NODE.has(error.code)) throw error;
      failed.push({ node, message: error.message });
    }
    progress.say(`${pinned.length + failed.length} of ${nodes.length} nodes, ${failed.length} failed`);
  }
  progress.end();
  const are = dryRun ? "would be" : pinned.length === 1 ? "is" : "are";
  out.show(
    { pinned, failed, effect },
    {
      blocks: [
        { kind: "lines", lines: [`${pinned.length} of ${nodes.length} nodes ${are} pushed to`] },
        {
          kind: "table",
          head: pinned.length === 0 ? [] : ["NODE", "ADDRESS", "HOST KEYS"],
          rows: pinned.map((one) => [one.node, one.address, one.hostKeys.join(" ")]),
        },
        {
          kind: "table",
          head: failed.length === 0 ? [] : ["NODE", "FAILED"],
          rows: failed.map((one) => [one.node, { text: one.message, style: "red" }]),
        },
        planBlock(effect),
      ],
      names: pinned.map(({ node }) => node),
    },
  );
  return failed.length === 0 ? 0 : 8;
}

/** What is wrong with one node and says nothing of the next. */
const OF_ONE_NODE: ReadonlySet<string> = new Set(["usage", "malformed", "not-found", "conflict"]);

async function selected({ call }: PushSession, query: string): Promise<string[]> {
  const nodes = await everyPage({}, async (page) => {
    const answer = await call("node.list", { query: present({ query, ...page }) });
    return { items: answer.nodes, more: answer.more, last: answer.nodes.at(-1)?.name };
  });
  return nodes.map(({ name }) => name);
}

async function reachedAt(
  { call }: PushSession,
  source: string,
  node: string,
  how: Partial<Push>,
): Promise<Push> {
  const { inventories } = await call("node.show", { path: { name: node } });
  const said = inventories.find((one) => one.source === source);
  if (said === undefined) throw new KeywardError("not-found", `${source} says nothing of node ${node}`);
  const { address, hostKeys } = chefHost(said.attributes as Parameters<typeof chefHost>[0]);
  const push = { address, hostKeys: [...hostKeys], ...how };
  if (push.address === null)
    throw new KeywardError("not-found", `node ${node}: ${source} says no address of it`);
  if (push.hostKeys.length === 0 && (push.hostCas ?? []).length === 0)
    throw new KeywardError("not-found", `node ${node}: ${source} says no SSH host key of it`);
  return { ...push, address: push.address };
}
