/**
 * Chef inventory: a Chef node object in the parts that an operator can accept, the weakest first.
 *
 *     default, normal, override     the levels of attributes
 *     automatic                     what the node's own programs found: what queries ask for, not all of it
 *     policy                        policy_name, policy_group
 *     environment                   chef_environment
 *     run_list                      run_list, and its entries as role and recipe
 *
 * All of it is written by the node's own client, so that all of it counts as reported.
 */
import { KeywardError } from "../base/errors.ts";
import type { Json } from "../base/json.ts";
import { namesIn } from "./chef-facts.ts";
import { chefHostPaths } from "./chef-host.ts";
import { isObject } from "./flatten.ts";
import { mergeAttributes, type Part, pick } from "./inventory.ts";
import { type NodeName, parseNodeName } from "./name.ts";
import type { AttributeTree } from "./node.ts";

export const chefParts = [
  "default",
  "normal",
  "override",
  "automatic",
  "policy",
  "environment",
  "run_list",
] as const;

/**
 * Of a node's automatic attributes: those that queries ask for, and where it is reached. The rest is long, and much of it (times, counters,
 * free memory) is another each time that Chef runs.
 */
export const automaticPaths: readonly string[] = [
  "roles",
  "recipes",
  "fqdn",
  "hostname",
  "machinename",
  "domain",
  "ip6address",
  "macaddress",
  ...chefHostPaths,
  "os",
  "platform",
  "platform_family",
  "platform_version",
  "kernel.machine",
  "cloud.provider",
  "virtualization.system",
  "virtualization.role",
];

/**
 * @param node - As `parseChefObject` reads it: each number is its text.
 * @param more - Further paths of the automatic attributes, dotted.
 * @throws KeywardError `malformed` when it is no node; `usage` when Keyward takes no such name.
 */
export function chefInventory(
  node: Json,
  more: readonly string[] = [],
): { readonly name: NodeName; readonly parts: readonly Part[] } {
  if (!isObject(node) || typeof node.name !== "string")
    throw new KeywardError("malformed", "chef node: no name");
  const tree = (level: Json | undefined): AttributeTree => (isObject(level) ? level : {});
  const automatic = [...automaticPaths, ...more].map((path) => pick(tree(node.automatic), path.split(".")));
  const runList = Array.isArray(node.run_list) ? node.run_list : [];
  const { policy_name, policy_group, chef_environment } = node;
  const parts: Part[] = [
    { name: "default", attributes: tree(node.default) },
    { name: "normal", attributes: tree(node.normal) },
    { name: "override", attributes: tree(node.override) },
    { name: "automatic", attributes: mergeAttributes(automatic) },
    {
      name: "policy",
      attributes: {
        ...(policy_name != null && { policy_name }),
        ...(policy_group != null && { policy_group }),
      },
    },
    {
      name: "environment",
      attributes: { chef_environment: typeof chef_environment === "string" ? chef_environment : "_default" },
    },
    {
      name: "run_list",
      attributes: { run_list: runList, recipe: namesIn(runList, "recipe"), role: namesIn(runList, "role") },
    },
  ];
  return {
    name: parseNodeName(node.name),
    parts: parts.filter(({ attributes }) => Object.keys(attributes).length > 0),
  };
}
