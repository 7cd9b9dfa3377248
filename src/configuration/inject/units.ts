/**
 * Units: what is deployed as one and has one deploy key, in the documents of each system.
 *
 *     marathon     an app: `env`, `labels`; groups hold apps and groups
 *     metronome    a job: `run.env`, `labels`
 *     mesos        a TaskInfo: `command.environment.variables`, `labels.labels`
 *     compose      a service: `environment`, `labels`
 *     kubernetes   a pod or what makes pods: `env` of its containers, `metadata.annotations`
 */
import { KeywardError } from "../../base/errors.ts";
import { type Editor, isMap, isScalar, isSeq, type Node, type YAMLMap } from "./editor.ts";
import { memberOf, type Pairs, pairsAt } from "./pairs.ts";

export const unitKinds = ["marathon", "metronome", "mesos", "compose", "kubernetes"] as const;
export type UnitKind = (typeof unitKinds)[number];

export interface Unit {
  readonly kind: UnitKind;
  /** For people: the app's id, the service's name. */
  readonly name: string;
  /** One for each container. */
  readonly variables: readonly Pairs[];
  readonly labels: Pairs;
  /** All of it, for the checksum. */
  value(): unknown;
}

/** @param kind - Absent: as the document looks. @throws KeywardError `usage` when it looks like none. */
export function unitsOf(editor: Editor, kind?: UnitKind): Unit[] {
  return editor.documents.flatMap(({ contents }) => unitsIn(editor, contents as Node | null, kind));
}

function unitsIn(editor: Editor, node: Node | null, kind: UnitKind | undefined): Unit[] {
  if (node === null || (isScalar(node) && node.value === null)) return [];
  if (isSeq(node)) return (node.items as Node[]).flatMap((item) => unitsIn(editor, item, kind));
  const found = isMap(node) ? (kind ?? kindOf(node)) : null;
  if (found === null || !isMap(node))
    throw new KeywardError(
      "usage",
      `${editor.placeOf(node)}: no app, job, task, service or pod that is known here`,
      {
        hint: `say which with --kind: ${unitKinds.join(", ")}`,
      },
    );
  return readers[found](editor, node);
}

function kindOf(map: YAMLMap): UnitKind | null {
  const has = (name: string): boolean => memberOf(map, name) !== null;
  if (has("apiVersion") && has("kind")) return "kubernetes";
  if (has("services")) return "compose";
  if (has("run")) return "metronome";
  if (has("tasks") || isMap(memberOf(map, "command"))) return "mesos";
  if (has("containers")) return null;
  return has("apps") || has("groups") || has("id") ? "marathon" : null;
}

const readers: Readonly<Record<UnitKind, (editor: Editor, map: YAMLMap) => Unit[]>> = {
  marathon: (editor, map) => {
    const below = ["apps", "groups"].flatMap((name) => membersOf(memberOf(map, name)));
    if (below.length > 0 || memberOf(map, "apps") !== null || memberOf(map, "groups") !== null)
      return below.flatMap((one) => readers.marathon(editor, one));
    const variables = [pairsAt(editor, map, "env", { kind: "map" })];
    return [
      {
        kind: "marathon",
        name: nameOf(map, "id"),
        variables,
        labels: pairsAt(editor, map, "labels", { kind: "map" }),
        value: () => editor.valueOf(map),
      },
    ];
  },
  metronome: (editor, map) => {
    const run = memberOf(map, "run");
    const variables = isMap(run) ? [pairsAt(editor, run, "env", { kind: "map" })] : [];
    return [
      {
        kind: "metronome",
        name: nameOf(map, "id"),
        variables,
        labels: pairsAt(editor, map, "labels", { kind: "map" }),
        value: () => editor.valueOf(map),
      },
    ];
  },
  mesos: (editor, map) => {
    const tasks = membersOf(memberOf(map, "tasks"));
    if (tasks.length > 0) return tasks.flatMap((one) => readers.mesos(editor, one));
    const command = memberOf(map, "command");
    const environment = isMap(command) ? memberOf(command, "environment") : null;
    const form = { kind: "named", nameField: "name" } as const;
    const variables = isMap(environment) ? [pairsAt(editor, environment, "variables", form)] : [];
    return [
      {
        kind: "mesos",
        name: nameOf(map, "name"),
        variables,
        labels: mesosLabels(editor, map),
        value: () => editor.valueOf(map),
      },
    ];
  },
  compose: (editor, map) => {
    const services = memberOf(map, "services");
    const items = isMap(services) ? (services.items as { key: Node; value: Node | null }[]) : [];
    return items.flatMap(({ key, value }): Unit[] => {
      if (!isMap(value)) return [];
      const variables = [pairsAt(editor, value, "environment", { kind: "map" })];
      const labels = pairsAt(editor, value, "labels", { kind: "map" });
      return [
        {
          kind: "compose",
          name: isScalar(key) ? String(key.value) : "",
          variables,
          labels,
          value: () => editor.valueOf(value),
        },
      ];
    });
  },
  kubernetes: (editor, map) => {
    const items = membersOf(memberOf(map, "items"));
    if (items.length > 0) return items.flatMap((one) => readers.kubernetes(editor, one));
    const metadata = memberOf(map, "metadata");
    const containers = containersOf(map);
    if (containers.length === 0 || !isMap(metadata)) return [];
    const form = { kind: "named", nameField: "name" } as const;
    return [
      {
        kind: "kubernetes",
        name: `${nameOf(map, "kind")} ${nameOf(metadata, "name")}`,
        variables: containers.map((one) => pairsAt(editor, one, "env", form)),
        labels: pairsAt(editor, metadata, "annotations", { kind: "map" }),
        value: () => editor.valueOf(map),
      },
    ];
  },
};

/** `labels: {labels: [{key, value}]}` */
function mesosLabels(editor: Editor, map: YAMLMap): Pairs {
  const outer = memberOf(map, "labels");
  if (isMap(outer)) return pairsAt(editor, outer, "labels", { kind: "named", nameField: "key" });
  return {
    entries: [],
    get: () => null,
    set: (values) =>
      editor.addToMap(map, [
        ["labels", { labels: Object.entries(values).map(([key, value]) => ({ key, value })) }],
      ]),
  };
}

const podPaths = [
  ["spec"],
  ["spec", "template", "spec"],
  ["spec", "jobTemplate", "spec", "template", "spec"],
];

function containersOf(map: YAMLMap): YAMLMap[] {
  return podPaths.flatMap((path) => {
    const spec = path.reduce<Node | null>((at, name) => (isMap(at) ? memberOf(at, name) : null), map);
    if (!isMap(spec)) return [];
    return ["initContainers", "containers"].flatMap((name) => membersOf(memberOf(spec, name)));
  });
}

function membersOf(node: Node | null): YAMLMap[] {
  return node !== null && isSeq(node) ? node.items.filter((item): item is YAMLMap => isMap(item)) : [];
}

function nameOf(map: YAMLMap, field: string): string {
  const node = memberOf(map, field);
  return isScalar(node) ? String(node.value) : "";
}
