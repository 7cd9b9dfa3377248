/** `knife node …`, and nodes as knife lays them out. */

import { KeywardError } from "../../base/errors.ts";
import { type ExactJson, type ExactObject, isExactObject, parseExactJson } from "../../base/exact-json.ts";
import type { KnifeCall } from "./call.ts";
import { urisOf } from "./data-bag.ts";
import { asText, lineEnded } from "./layout.ts";
import { inspectRuby } from "./pp.ts";
import { RubyObject, type Shown, Words } from "./shown.ts";

/** A node that a server sends: 256 kB is much. */
const nodeLimits = { size: 67_108_864, depth: 128, count: 5_000_000 };
const levels = ["default", "normal", "override", "automatic"];

export async function listNodes(call: KnifeCall): Promise<void> {
  const server = await call.server();
  const environment = call.typed.text("environment");
  const names = environment === undefined ? await server.nodeNames() : await nodesOf(call, environment);
  call.ui.output(call.typed.on("with_uri") ? urisOf(call, "nodes", names) : names);
}

async function nodesOf(call: KnifeCall, environment: string): Promise<string[]> {
  if (!/^[\w-]+$/.test(environment))
    throw new KeywardError("usage", "environment: want letters, digits and _ -");
  const found = (await call.server()).partialSearch("node", `chef_environment:${environment}`, {
    name: ["name"],
  });
  const names: string[] = [];
  for await (const { name } of found) if (typeof name === "string") names.push(name);
  return names.sort();
}

export async function showNode(call: KnifeCall): Promise<void> {
  const [name] = call.words;
  if (name === undefined) call.refuse("USAGE: ", "You must specify a node name");
  const node = parseExactJson(await (await call.server()).nodeText(name), "node", nodeLimits);
  if (!isExactObject(node)) throw new KeywardError("malformed", "node: not an object");
  call.ui.output(shownNode(call, node));
}

/** As `node show` does. */
function shownNode(call: KnifeCall, node: ExactObject): Shown | Words {
  const { ui, typed } = call;
  const subset = subsetOf(call, node);
  if (subset !== null) return subsetShown(call, subset);
  if (typed.on("environment")) return new Map([["chef_environment", member(node, "chef_environment")]]);
  return ui.format === "json" ? inShort(node, typed.on("long_output")) : wholeNode(call, node);
}

/** A summary, unless another form is asked for. */
export function wholeNode({ ui, typed }: KnifeCall, node: ExactObject): Shown | Words {
  if (ui.format !== "summary") return displayOf(node);
  return new Words(summaryOf(node, typed.on("medium_output"), typed.on("long_output")));
}

/** Of attributes that were asked for `pp` prints the values alone, on one line. */
export function subsetShown({ ui, typed }: KnifeCall, subset: ReadonlyMap<string, Shown>): Shown | Words {
  const [only = null] = subset.values();
  const bare = ui.format === "pp" && typed.all("attribute").length > 0;
  return bare ? new Words(inspectRuby(only)) : subset;
}

/** What was asked for of a node, below its name. `null`: all of it. */
export function subsetOf({ typed }: KnifeCall, node: ExactObject): ReadonlyMap<string, Shown> | null {
  const wanted = typed.all("attribute");
  const name = String(member(node, "name") ?? "");
  if (wanted.length > 0) {
    const separator = typed.text("field_separator") ?? ".";
    return new Map([[name, new Map(wanted.map((path) => [path, attributeAt(node, path, separator)]))]]);
  }
  return typed.on("run_list") ? new Map([[name, new Map([["run_list", member(node, "run_list")]])]]) : null;
}

function attributeAt(node: ExactObject, path: string, separator: string): Shown {
  const [first = "", ...rest] = path.split(separator);
  const merged = mergedOf(node);
  if (rest.length === 0 && first === "run_list" && !merged.has(first)) return runListOf(node);
  let value: ExactJson | undefined = merged.has(first) ? merged.get(first) : node.get(first);
  for (const step of rest) {
    if (isExactObject(value)) value = value.get(step);
    else value = Array.isArray(value) ? value[Number.parseInt(step, 10) || 0] : undefined;
  }
  return value ?? null;
}

/** As text it is one line. */
function runListOf(node: ExactObject): RubyObject {
  const list = listOf(member(node, "run_list"));
  return new RubyObject(list, list.join(", "));
}

/** As JSON a node is told in short, unless all of it is asked for. */
function inShort(node: ExactObject, long: boolean): Shown {
  const names = hasPolicy(node) ? ["policy_name", "policy_group"] : ["chef_environment"];
  const levelNames = ["normal", ...(long ? ["default", "override", "automatic"] : [])];
  return new Map<string, Shown>([
    ...["name", ...names].map((name): [string, Shown] => [name, member(node, name)]),
    ["run_list", new RubyObject(member(node, "run_list"))],
    ...levelNames.map((name): [string, Shown] => [name, node.get(name) ?? new Map()]),
  ]);
}

/** As Chef's own class writes it. */
export function nodeObject(node: ExactObject): RubyObject {
  const policy = hasPolicy(node) ? ["policy_name", "policy_group"] : [];
  const members: [string, ExactJson][] = [
    ["name", member(node, "name")],
    ["chef_environment", member(node, "chef_environment")],
    ["json_class", "Chef::Node"],
    ["automatic", levelOf(node, "automatic")],
    ["normal", levelOf(node, "normal")],
    ["chef_type", "node"],
    ["default", levelOf(node, "default")],
    ["override", levelOf(node, "override")],
    ["run_list", member(node, "run_list")],
    ...policy.map((name): [string, ExactJson] => [name, member(node, name)]),
  ];
  return new RubyObject(new Map(members));
}

function displayOf(node: ExactObject): ExactObject {
  const names = ["name", "chef_environment", "automatic", "normal", "default", "override", "run_list"];
  return new Map(
    names.map((name) => [name, levels.includes(name) ? levelOf(node, name) : member(node, name)]),
  );
}

function summaryOf(node: ExactObject, medium: boolean, long: boolean): string {
  const merged = mergedOf(node);
  const at = (name: string): string => asText(merged.get(name) ?? null).trimEnd();
  const joined = (name: string): string => listOf(merged.get(name) ?? null).join(", ");
  const cloud = merged.get("cloud");
  const [address] = listOf((isExactObject(cloud) && cloud.get("public_ipv4_addrs")) || null);
  const policy = hasPolicy(node);
  const normal = new Map([["tags", []], ...levelOf(node, "normal")]);
  const level = (title: string, values: ExactObject): string[] => [title, asText(values)];
  return lineEnded(
    [
      `Node Name:   ${member(node, "name")}`,
      ...(policy
        ? [
            `Policy Name:  ${asText(member(node, "policy_name")).trimEnd()}`,
            `Policy Group: ${asText(member(node, "policy_group")).trimEnd()}`,
          ]
        : [`Environment: ${member(node, "chef_environment")}`]),
      `FQDN:        ${at("fqdn")}`,
      `IP:          ${address ?? at("ipaddress")}`,
      `Run List:    ${listOf(member(node, "run_list")).join(", ")}`,
      ...(policy ? [] : [`Roles:       ${joined("roles")}`]),
      `Recipes:     ${joined("recipes")}`,
      `Platform:    ${at("platform")} ${at("platform_version")}`,
      `Tags:        ${joined("tags")}`,
      ...(medium || long ? level("Attributes:", normal) : []),
      ...(long ? level("Default Attributes:", levelOf(node, "default")) : []),
      ...(long ? level("Override Attributes:", levelOf(node, "override")) : []),
      ...(long ? level("Automatic Attributes (Ohai Data):", levelOf(node, "automatic")) : []),
      ...(medium || long ? [""] : []),
    ].join("\n"),
  );
}

function hasPolicy(node: ExactObject): boolean {
  return member(node, "policy_name") !== null || member(node, "policy_group") !== null;
}

function member(node: ExactObject, name: string): ExactJson {
  return node.get(name) ?? (name === "run_list" ? [] : null);
}

function levelOf(node: ExactObject, name: string): ExactObject {
  const value = node.get(name);
  return isExactObject(value) ? value : new Map();
}

function listOf(value: ExactJson): string[] {
  const list: readonly ExactJson[] = Array.isArray(value) ? value : value === null ? [] : [value];
  return list.map((one) => asText(one).trimEnd());
}

/** Attributes as a recipe sees them: the later level wins. */
function mergedOf(node: ExactObject): ExactObject {
  return levels.reduce<ExactObject>((all, name) => merge(all, levelOf(node, name)), new Map());
}

function merge(under: ExactObject, over: ExactObject): ExactObject {
  const all = new Map(under);
  for (const [name, value] of over) {
    const was = all.get(name);
    all.set(name, isExactObject(was) && isExactObject(value) ? merge(was, value) : value);
  }
  return all;
}
