/**
 * Facts of a Chef node object, as a Chef server indexes it: default ← normal ← override ← automatic, then the
 * top-level names over attributes of the same name.
 *
 * Spec: docs/formats/query.md. Vectors: test/vectors/chef/search-index-documents.json.
 */
import { KeywardError } from "../base/errors.ts";
import { defaultLimits, type Json, type JsonLimits, parseJson } from "../base/json.ts";
import type { Facts } from "./facts.ts";
import { type FactLimits, factLimits, flattenLayers, floatText, isObject, type Layer } from "./flatten.ts";
import type { AttributeTree } from "./node.ts";

/** What a Chef server calls the object in its index; gives `X_CHEF_id_CHEF_X` and `X_CHEF_database_CHEF_X`. */
export interface ChefIndexIds {
  readonly id: string;
  readonly database: string;
}

/**
 * All facts are of origin `inventory`. Read the object with `parseChefObject`, so that `1.0` keeps its form.
 *
 * @throws KeywardError `malformed` when the object has no name, `too-large` when it passes a limit.
 */
export function chefFacts(node: AttributeTree, ids?: ChefIndexIds, limits: FactLimits = factLimits): Facts {
  const { name } = node;
  if (typeof name !== "string" || name === "") throw new KeywardError("malformed", "chef node: no name");
  const levels = [node.default, node.normal, node.override, node.automatic, topLevel(node, ids)];
  const layers = levels.filter(isObject).map((value): Layer => ({ origin: "inventory", value }));
  return { name, granting: flattenLayers(layers, "chef node", limits), reported: () => new Map() };
}

/**
 * JSON of a Chef object. Each number stands as its text, because `1.0` and `1` are two values in Chef's index.
 *
 * @throws KeywardError `malformed`, `too-large`.
 */
export function parseChefObject(text: string, what: string, limits: JsonLimits = defaultLimits): Json {
  parseJson(text, what, limits);
  return JSON.parse(text, numberAsText) as Json;
}

function numberAsText(_key: string, value: unknown, context?: { source?: string }): unknown {
  if (typeof value !== "number") return value;
  const source = context?.source ?? String(value);
  if (source === "-0") return "0";
  return /^-?\d+$/.test(source) ? source : floatText(value);
}

function topLevel(node: AttributeTree, ids: ChefIndexIds | undefined): AttributeTree {
  const runList = Array.isArray(node.run_list) ? node.run_list : [];
  return {
    ...(ids && {
      X_CHEF_id_CHEF_X: ids.id,
      X_CHEF_database_CHEF_X: ids.database,
      X_CHEF_type_CHEF_X: "node",
    }),
    ...(node.policy_name != null && { policy_name: node.policy_name }),
    ...(node.policy_group != null && { policy_group: node.policy_group }),
    X_CHEF_type_CHEF_X: "node",
    name: node.name ?? null,
    chef_type: "node",
    chef_environment: node.chef_environment ?? "_default",
    run_list: runList,
    recipe: namesIn(runList, "recipe"),
    role: namesIn(runList, "role"),
  };
}

/** `role[web]` to `web`, for the entries of one kind. */
export function namesIn(runList: readonly Json[], kind: "recipe" | "role"): string[] {
  const texts = runList.filter((entry) => typeof entry === "string");
  return texts
    .filter((entry) => entry.startsWith(`${kind}[`) && entry.endsWith("]"))
    .map((entry) => entry.slice(kind.length + 1, -1));
}
