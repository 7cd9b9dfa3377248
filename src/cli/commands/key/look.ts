/** `keyward key list`, `show`, `history`: all but the values. */
import type { ResponseOf } from "../../../api/shapes.ts";
import { act } from "../../../command/command.ts";
import type { Block } from "../../../command/output.ts";
import { everyPage, paging } from "../../../command/paging.ts";
import { present } from "../../../command/read-flags.ts";
import { deliveriesBlock, duration, time, versionState } from "../../../command/view.ts";
import { parseKeyName } from "../../../model/name.ts";
import { shownHalf } from "./public.ts";

type Key = ResponseOf<"key.show">;

export const list = act({
  summary: "List keys, never values",
  words: ["[PREFIX]"],
  flags: { ...paging },
  calls: ["key.list"],
  examples: ["keyward key list", "keyward key list db/", "keyward key list -o name"],
  async run(session, { words: [prefix], flags }) {
    const keys = await everyPage(flags, async (page) => {
      const answer = await session.call("key.list", { query: present({ prefix, ...page }) });
      return { items: answer.keys, more: answer.more, last: answer.keys.at(-1)?.name };
    });
    session.out.show(
      { keys },
      {
        blocks: [
          { kind: "table", head: ["NAME", "VERSION", "MADE", "ORIGIN", "VERSIONS"], rows: keys.map(rowOf) },
        ],
        names: keys.map((key) => key.name),
      },
    );
    if (keys.length === 0) session.out.note("no keys yet; make one: keyward key put NAME < FILE");
  },
});

function rowOf(key: Key): string[] {
  const primary = key.versions.find((version) => version.state.kind === "primary");
  return [
    key.name,
    String(primary?.number ?? ""),
    time(primary?.created),
    originOf(key),
    String(key.versions.filter((version) => version.state.kind !== "destroyed").length),
  ];
}

function originOf({ origin }: Key): string {
  switch (origin.kind) {
    case "stored":
      return "stored";
    case "derived":
      return `derived ${origin.derivation.kind.kind}`;
    case "generated":
      return "type" in origin.recipe ? `${origin.recipe.kind} ${origin.recipe.type}` : origin.recipe.kind;
  }
}

export const show = act({
  summary: "Show a key's origin, versions and states",
  words: ["NAME"],
  flags: {},
  calls: ["key.show"],
  examples: ["keyward key show db/orders/password"],
  async run({ call, out }, { words: [name = ""] }) {
    const key = await call("key.show", { path: { name: parseKeyName(name) } });
    out.show(key, { blocks: keyBlocks(key), names: [key.name] });
  },
});

function keyBlocks(key: Key): Block[] {
  return [
    {
      kind: "fields",
      fields: [
        ["name", key.name],
        ["origin", originOf(key)],
        ...derivedFields(key),
        ["created", time(key.created)],
        ["retire", duration(key.retire)],
      ],
    },
    {
      kind: "table",
      head: ["VERSION", "STATE", "BYTES", "CREATED", "BY"],
      rows: key.versions.map((version) => [
        String(version.number),
        versionState(version.state),
        version.derived === undefined ? String(version.size) : "-",
        time(version.created),
        version.by,
      ]),
    },
  ];
}

function derivedFields({ origin }: Key): [string, string][] {
  if (origin.kind !== "derived") return [];
  const { scheme, realm, purpose } = origin.derivation;
  return [
    ["realm", realm],
    ...(purpose === "" ? [] : [["purpose", purpose] as [string, string]]),
    ["scheme", scheme],
    ["format", origin.encoding],
  ];
}

export const history = act({
  summary: "Show a key's versions, and which nodes received and proved them",
  words: ["NAME"],
  flags: {},
  calls: ["key.history"],
  examples: ["keyward key history db/orders/password"],
  async run({ call, out }, { words: [name = ""] }) {
    const answer = await call("key.history", { path: { name: parseKeyName(name) } });
    const deliveries = answer.deliveries.map((one) => ({
      ...one,
      of: one.node,
      fingerprint: shownHalf(one)?.fingerprint,
    }));
    out.show(answer, {
      blocks: [...keyBlocks(answer.key), deliveriesBlock("NODE", deliveries)],
      names: answer.deliveries.map((one) => one.node),
    });
  },
});
