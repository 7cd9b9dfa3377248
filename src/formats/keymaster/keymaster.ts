/**
 * KeyMaster: the items of the bag that Chef's KeyMaster cookbook (0.0.3) distributes, and what each of them says.
 *
 *     id            NAME-ENVIRONMENT          plain
 *     destination   a query over nodes        encrypted under the master key
 *     key           the file's content        encrypted under the master key
 *
 * On each node the key is the file PATH/ID.key, of the user keymaster, 0600.
 *
 * Spec: docs/formats/keymaster.md. Vectors: test/vectors/chef/keymaster.json.
 */
import { KeywardError } from "../../base/errors.ts";
import { Secret } from "../../base/secret.ts";
import { printable } from "../../model/name.ts";
import { formatQuery, parseQuery, type Query } from "../../model/query/query.ts";

/** What the cookbook's attributes are unless a site changes them. */
export const cookbook = {
  bag: "keymaster",
  path: "/etc/keymaster/keys/",
  owner: "keymaster",
  group: "keymaster",
  mode: 0o600,
} as const;

export interface KeymasterItem {
  /** As the item has it. */
  readonly destination: string;
  /** The file's content, byte for byte. The caller wipes it. */
  readonly key: Secret;
}

/**
 * The environment that an item is for: of all that there are, the longest whose name stands after a dash at its end. The
 * cookbook takes its own name as a pattern instead: there `production` also takes `svc-non-production`.
 *
 * @returns `null` when it is for none of them.
 */
export function environmentOf(id: string, environments: readonly string[]): string | null {
  const fitting = environments.filter(
    (name) => name !== "" && id.endsWith(`-${name}`) && id.length > name.length + 1,
  );
  return fitting.reduce<string | null>(
    (best, name) => (name.length > (best?.length ?? -1) ? name : best),
    null,
  );
}

/** @param environments - All that there are; the own one may be left out. */
export function isFor(id: string, environment: string, environments: readonly string[] = []): boolean {
  return environmentOf(id, [...environments, environment]) === environment;
}

/**
 * The members of an item that has been decrypted.
 *
 * @param get - A member by its name.
 * @throws KeywardError `malformed`: the cookbook's "Missing items in databag".
 */
export function readKeymasterItem(id: string, get: (member: string) => unknown): KeymasterItem {
  return { destination: textOf(id, "destination", get), key: Secret.fromText(textOf(id, "key", get)) };
}

function textOf(id: string, member: string, get: (member: string) => unknown): string {
  const value = get(member);
  if (typeof value === "string" && value !== "") return value;
  const why = value === undefined || value === null ? "is missing" : value === "" ? "is empty" : "is no text";
  throw new KeywardError("malformed", `item ${printable(id)}: its ${member} ${why}`);
}

/**
 * The query of the grant: the destination, among the nodes of the environment. The cookbook finds each address of the
 * destination once more among those, and serves no other.
 *
 * @throws KeywardError `malformed` for a destination that Chef's servers read in different ways, with a hint.
 */
export function queryOf(destination: string, environment: string): string {
  const own: Query = {
    kind: "term",
    field: { kind: "exact", text: "chef_environment" },
    value: { kind: "exact", text: environment },
  };
  const asked = parseQuery(destination);
  const operands = asked.kind === "all" ? [] : asked.kind === "and" ? asked.operands : [asked];
  const ownText = formatQuery(own);
  const kept = operands.filter((operand) => formatQuery(operand) !== ownText);
  if (kept.length === 0) return ownText;
  const query: Query = { kind: "and", operands: [own, ...kept] };
  const text = formatQuery(query);
  parseQuery(text);
  return text;
}

/** @param path - A folder. */
export function fileOf(id: string, path: string = cookbook.path): string {
  return `${path.replace(/\/+$/, "")}/${id}.key`;
}
