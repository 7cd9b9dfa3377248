/**
 * `keyward inventory`: nodes as a source from outside knows them. Here its `query`: a Chef query, asked of the fleet or of
 * a file of Chef node objects.
 */
import path from "node:path";
import { fromUtf8 } from "../../base/bytes.ts";
import { KeywardError } from "../../base/errors.ts";
import type { Json, JsonLimits } from "../../base/json.ts";
import { act } from "../../command/command.ts";
import { everyPage } from "../../command/paging.ts";
import { readBytes } from "../../command/read-file.ts";
import type { Session } from "../../command/session.ts";
import { chefDocument, parseChefSearch } from "../../formats/chef-search/chef-search.ts";
import { chefFacts, parseChefObject } from "../../model/chef-facts.ts";
import { createFacts, type Facts } from "../../model/facts.ts";
import { isObject } from "../../model/flatten.ts";
import { parseNodeName } from "../../model/name.ts";
import type { Attributes } from "../../model/node.ts";
import { compileQuery, parseQuery } from "../../model/query/query.ts";
import { runnable } from "../run.ts";
import { accept, refuse, sources } from "./inventory/accept.ts";
import { sync } from "./inventory/sync.ts";

/** 10,000 nodes of 20 kB, and room. */
const fileLimits: JsonLimits = { size: 268_435_456, depth: 64, count: 50_000_000 };

const query = act({
  summary: "Ask a Chef query of the fleet, or of a file of Chef node objects",
  words: ["QUERY"],
  queries: true,
  flags: {
    file: { type: "string", value: "NODES.json", help: "Ask these Chef node objects instead of the fleet" },
    chef: {
      type: "boolean",
      help: "Answer whatever chef-server answers, also where other servers read the query in another way",
    },
  },
  calls: ["node.list"],
  examples: [
    "keyward inventory query 'roles:api AND chef_environment:production'",
    "keyward inventory query 'tags:web tags:db' --file nodes.json",
    "keyward inventory query 'tags:web AND tags:ssl OR tags:db' --chef --file nodes.json",
  ],
  notes: [
    "Without --chef, a query that Chef's servers (chef-server, chef-zero, goiardi) read in different ways is refused, with the column, the reason and what to write. A grant is stricter still: keyward query test.",
    "A file holds one JSON array of nodes, the answer of a Chef search, or an object of nodes by name: knife search node '*:*' -l -F json.",
  ],
  async run(session, { words: [text = ""], flags }) {
    const test = flags.chef === true ? chefTest(text) : compileQuery(parseQuery(text, { mode: "portable" }));
    const nodes = flags.file === undefined ? await fleet(session) : fromFile(session, flags.file);
    const names = nodes.filter(test).map(({ name }) => name);
    names.sort();
    session.out.show({ nodes: names }, { blocks: [{ kind: "lines", lines: names }], names });
    if (names.length === 0) session.out.note("no node matches");
  },
});

function chefTest(text: string): (facts: Facts) => boolean {
  const test = parseChefSearch(text);
  return (facts) => test(chefDocument(facts));
}

async function fleet(session: Session<"node.list">): Promise<Facts[]> {
  const nodes = await everyPage({}, async (page) => {
    const answer = await session.call("node.list", {
      query: { limit: page.limit, ...(page.after === undefined ? {} : { after: page.after }) },
    });
    return { items: answer.nodes, more: answer.more, last: answer.nodes.at(-1)?.name };
  });
  return nodes.map((node) =>
    createFacts({ name: parseNodeName(node.name), attributes: node.attributes as Attributes }),
  );
}

/** @throws KeywardError `local`, `too-large`, `malformed` with the number of the node that is none. */
function fromFile({ world }: Session<never>, file: string): Facts[] {
  const what = `node file ${JSON.stringify(file)}`;
  const bytes = readBytes(path.resolve(world.cwd, file), "node file", fileLimits.size);
  return nodesOf(parseChefObject(fromUtf8(bytes, what), what, fileLimits), what).map((node, i) => {
    if (!isObject(node)) throw new KeywardError("malformed", `${what}: node ${i + 1} is not an object`);
    return chefFacts(node);
  });
}

function nodesOf(json: Json, what: string): readonly Json[] {
  if (Array.isArray(json)) return json;
  if (isObject(json)) {
    if (Array.isArray(json.rows)) return json.rows;
    if (typeof json.name === "string") return [json];
    return Object.values(json);
  }
  throw new KeywardError("malformed", `${what}: want a list of Chef node objects`);
}

export const command = runnable("inventory", {
  summary: "Nodes as an inventory knows them.",
  acts: { sync, sources, accept, refuse, query },
});
