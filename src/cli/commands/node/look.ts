/** `keyward node list`, `show`. */
import type { ResponseOf } from "../../../api/shapes.ts";
import { act } from "../../../command/command.ts";
import type { Block } from "../../../command/output.ts";
import { everyPage, paging } from "../../../command/paging.ts";
import { present } from "../../../command/read-flags.ts";
import type { Cell } from "../../../command/terminal.ts";
import { deliveriesBlock, short, state, time } from "../../../command/view.ts";
import { parseNodeName } from "../../../model/name.ts";
import { origins } from "../../../model/node.ts";
import { connection, pushFields } from "./pushed.ts";

type Shown = ResponseOf<"node.show">;
type Node = Shown["node"];

const states = ["pending", "active", "frozen", "revoked"] as const;

export const list = act({
  summary: "List nodes, all or those that a query selects",
  words: ["[QUERY]"],
  flags: {
    state: {
      type: "string",
      value: "STATE",
      choices: states,
      help: `Only those that are ${states.join(", ")}`,
    },
    ...paging,
  },
  calls: ["node.list"],
  examples: [
    "keyward node list",
    "keyward node list 'role:api AND env:prod'",
    "keyward node list --state pending",
  ],
  async run(session, { words: [query], flags }) {
    const nodes = await everyPage(flags, async (page) => {
      const answer = await session.call("node.list", {
        query: present({ query, state: flags.state, ...page }),
      });
      return { items: answer.nodes, more: answer.more, last: answer.nodes.at(-1)?.name };
    });
    const rows = nodes.map((node): Cell[] => [
      node.name,
      state(node.state),
      connection(node),
      attributesLine(node),
    ]);
    session.out.show(
      { nodes },
      {
        blocks: [{ kind: "table", head: ["NAME", "STATE", "CONNECTED", "ATTRIBUTES"], rows }],
        names: nodes.map((node) => node.name),
      },
    );
    if (nodes.length === 0) session.out.note("no such nodes; enrol one: keyward node enrol NAME");
  },
});

/** What may grant a key; what the node says of itself is left to `node show`. */
function attributesLine({ attributes }: Node): string {
  const trees = [attributes.inventory, attributes.attested, attributes.set];
  return leaves(Object.assign({}, ...trees) as object)
    .map(([name, value]) => `${name}=${value}`)
    .join(" ");
}

export const show = act({
  summary: "Show a node: state, identity, attributes with their origin, what it holds",
  words: ["NAME"],
  flags: {},
  calls: ["node.show"],
  examples: ["keyward node show db1"],
  async run({ call, out }, { words: [name = ""] }) {
    const answer = await call("node.show", { path: { name: parseNodeName(name) } });
    out.show(answer, {
      blocks: blocksOf(answer, await pushFields(answer.node)),
      names: [answer.node.name],
    });
  },
});

function blocksOf(
  { node, holds, inventories }: Shown,
  pushed: Awaited<ReturnType<typeof pushFields>>,
): Block[] {
  const { identity } = node;
  return [
    {
      kind: "fields",
      fields: [
        ["name", node.name],
        ["state", state(node.state)],
        ["reason", node.reason],
        ["connected", connection(node)],
        ["created", time(node.created)],
        ...pushed,
        ["fingerprint", identity?.fingerprint],
        [
          "generation",
          identity === undefined ? undefined : `${identity.issued} issued, ${identity.seen} seen`,
        ],
      ],
    },
    {
      kind: "table",
      head: ["ATTRIBUTE", "VALUE", "ORIGIN"],
      rows: origins
        .flatMap((origin) =>
          leaves(node.attributes[origin]).map(([name, value]): Cell[] => [
            name,
            value,
            origin === "reported" ? { text: "reported (grants nothing)", style: "dim" } : origin,
          ]),
        )
        .concat(inventories.flatMap(({ source, attributes }) => unaccepted(node, source, attributes))),
    },
    deliveriesBlock(
      "HOLDS",
      holds.map((one) => ({ ...one, of: one.key })),
    ),
  ];
}

/** What a source says, without what is accepted of it. */
function unaccepted({ attributes: { inventory } }: Node, source: string, attributes: object): Cell[][] {
  const accepted = new Set(leaves(inventory).map(([name, value]) => `${name}=${value}`));
  return leaves(attributes)
    .filter(([name, value]) => !accepted.has(`${name}=${value}`))
    .map(([name, value]) => [name, value, { text: `reported by ${source} (grants nothing)`, style: "dim" }]);
}

/** `app.port` and `8080`, for each leaf of a tree. */
function leaves(tree: object, above = ""): [string, string][] {
  return Object.entries(tree).flatMap(([name, value]: [string, unknown]) => {
    const isTree = typeof value === "object" && value !== null && !Array.isArray(value);
    return isTree ? leaves(value, `${above}${name}.`) : [[above + name, short(value)] as [string, string]];
  });
}
