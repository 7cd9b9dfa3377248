/** `knife search`. */
import { isKeywardError } from "../../base/errors.ts";
import { type ExactJson, type ExactObject, isExactObject } from "../../base/exact-json.ts";
import type { ChefServer } from "../../model/chef-server.ts";
import type { KnifeCall } from "./call.ts";
import { asObject } from "./data-bag.ts";
import { KnifeExit, KnifeFailure } from "./failure.ts";
import { nodeObject, subsetOf, subsetShown, wholeNode } from "./node.ts";
import { RubyObject, type Shown, SymbolHash, type Words } from "./shown.ts";

const PAGE = 1000;
/** Rows of one answer: a server that says that there is always more does not keep us for ever. */
const MAX_ROWS = 1_000_000;
const NAME = "__display_name";

interface Asked {
  readonly index: string;
  readonly query: string;
}

export async function search(call: KnifeCall): Promise<void> {
  const { ui, typed } = call;
  const asked = askedOf(call);
  const rows = await foundBy(call, asked);
  if (ui.isInterchange) {
    const shown = rows.map((row) => dataOf(call, asked, row));
    const count = BigInt(rows.length);
    ui.output(
      new SymbolHash(
        new Map<string, Shown>([
          ["results", count],
          ["rows", shown],
        ]),
      ),
    );
  } else {
    ui.info(`${rows.length} items found`);
    ui.info("");
    for (const row of rows) {
      ui.output(rowOf(call, asked, row));
      if (!typed.on("id_only")) ui.msg("\n");
    }
  }
  if (rows.length === 0) throw new KnifeExit(1);
}

function askedOf(call: KnifeCall): Asked {
  const { ui, typed, words } = call;
  const given = typed.text("query");
  if (given !== undefined) {
    if (words.length > 1) {
      ui.error("Please specify query as an argument or an option via -q, not both");
      call.refuse("");
    }
    if (words.length === 1) return { index: call.word(0), query: given };
    throw new KnifeFailure(
      "Chef::Exceptions::InvalidSearchQuery",
      "Invalid search object type nil (NilClass), must be a String or Symbol.Usage: search(:node, QUERY[, OPTIONAL_ARGS])        `knife search environment QUERY (options)`",
    );
  }
  if (words.length === 0) {
    ui.error("No query specified");
    call.refuse("");
  }
  if (words.length === 1) return { index: "node", query: fuzzy("node", call.word(0)) };
  return { index: call.word(0), query: fuzzy(call.word(0), call.word(1)) };
}

/** A bare word is looked for where people look for it. */
function fuzzy(index: string, query: string): string {
  if (index !== "node" || query.includes(":")) return query;
  const fields = ["tags", "roles", "fqdn", "addresses", "policy_name", "policy_group"];
  return fields.map((field) => `${field}:*${query}*`).join(" OR ");
}

/** Paths by the name that each is given. */
function wantedOf({ typed }: KnifeCall): Record<string, readonly string[]> | undefined {
  const filter = typed.text("filter_result");
  if (filter !== undefined) {
    const pairs = filter.replaceAll(" ", "").split(",");
    return Object.fromEntries(
      pairs.map((pair) => {
        const [name = "", path] = pair.split("=");
        if (path === undefined || name === "")
          throw new KnifeFailure("ArgumentError", "want -f NAME=PATH, with commas between several");
        return [name, path.split(".")];
      }),
    );
  }
  const attributes = typed.all("attribute");
  if (attributes.length === 0 && !typed.on("id_only")) return undefined;
  const separator = typed.text("field_separator") ?? ".";
  return Object.fromEntries([
    ...attributes.map((path) => [path, path.split(separator)] as const),
    [NAME, ["name"]],
  ]);
}

async function foundBy(call: KnifeCall, asked: Asked): Promise<ExactJson[]> {
  const server = await call.server();
  try {
    return await allPages(
      server,
      asked,
      numberOf(call, "start", 0),
      numberOf(call, "rows", PAGE),
      wantedOf(call),
    );
  } catch (error) {
    if (!isKeywardError(error, "malformed") && !isKeywardError(error, "not-found")) throw error;
    call.ui.error(`knife search failed: ${error.message}`);
    throw new KnifeExit(99);
  }
}

async function allPages(
  server: ChefServer,
  { index, query }: Asked,
  first: number,
  rows: number,
  wanted: Record<string, readonly string[]> | undefined,
): Promise<ExactJson[]> {
  const found: ExactJson[] = [];
  for (let start = first; ; start += rows) {
    const page = await server.searchPage(index, query, {
      start,
      rows,
      ...(wanted === undefined ? {} : { wanted }),
    });
    found.push(...page.rows);
    if (page.rows.length === 0 || start + rows >= page.total || found.length >= MAX_ROWS) return found;
  }
}

/** As Ruby's `to_i` reads it. */
function numberOf({ typed }: KnifeCall, name: string, otherwise: number): number {
  const text = typed.text(name);
  if (text === undefined) return otherwise;
  const number = Number.parseInt(text, 10);
  if (Number.isSafeInteger(number) && number >= (name === "rows" ? 1 : 0)) return number;
  throw new KnifeFailure("ArgumentError", `--${name}: want a whole number`);
}

/** One row of JSON or YAML. */
function dataOf(call: KnifeCall, { index }: Asked, row: ExactJson): Shown {
  if (!isExactObject(row)) return row;
  if (call.typed.on("id_only")) return row.get(NAME) ?? null;
  if (wantedOf(call) !== undefined) return underName(row);
  const subset = index === "node" ? subsetOf(call, row) : null;
  return subset ?? (index === "node" ? nodeObject(row) : objectOf(row));
}

/** One row of the other forms. */
function rowOf(call: KnifeCall, { index }: Asked, row: ExactJson): Shown | Words {
  if (!isExactObject(row)) return row;
  if (call.typed.on("id_only")) return row.get(NAME) ?? null;
  if (wantedOf(call) !== undefined) return subsetShown(call, underName(row));
  if (index !== "node") return inside(row);
  return subsetOf(call, row) ?? wholeNode(call, row);
}

function underName(row: ExactObject): ReadonlyMap<string, ExactObject> {
  const name = row.get(NAME);
  const values = new Map([...row].filter(([one]) => one !== NAME));
  return new Map([[typeof name === "string" ? name : "", values]]);
}

function objectOf(row: ExactObject): RubyObject {
  const item = row.get("raw_data");
  if (!isExactObject(item)) return new RubyObject(inOrder(row));
  return new RubyObject(asObject(String(row.get("data_bag") ?? ""), String(item.get("id") ?? ""), item));
}

const orders: Readonly<Record<string, readonly string[]>> = {
  environment: [
    "name",
    "description",
    "cookbook_versions",
    "json_class",
    "chef_type",
    "default_attributes",
    "override_attributes",
  ],
  role: [
    "name",
    "description",
    "json_class",
    "default_attributes",
    "override_attributes",
    "chef_type",
    "run_list",
    "env_run_lists",
  ],
};

/** Members as Chef's own class writes them. */
function inOrder(row: ExactObject): ExactObject {
  const order = orders[String(row.get("chef_type"))] ?? [];
  const known = order.flatMap((name): [string, ExactJson][] => {
    const value = row.get(name);
    return value === undefined ? [] : [[name, value]];
  });
  return new Map([...known, ...row]);
}

/** Of an item of a bag, what is in it. */
function inside(row: ExactObject): Shown {
  const item = row.get("raw_data");
  if (!isExactObject(item)) return row;
  return new Map<string, Shown>([
    ...item,
    ["chef_type", row.get("chef_type") ?? "data_bag_item"],
    ["data_bag", row.get("data_bag") ?? null],
  ]);
}
