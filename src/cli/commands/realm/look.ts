/** `keyward realm list`, `show`: which keys follow from the seed. Needs no seed. */

import { act } from "../../../command/command.ts";
import type { Block } from "../../../command/output.ts";
import { time, versionState } from "../../../command/view.ts";
import { formatMode } from "../../../model/grant.ts";
import { printable } from "../../../model/name.ts";
import type { RealmKind } from "../../../model/realm.ts";
import { lookCalls, lookFlags, type RealmRow, realmsToLook } from "./realms.ts";

export const list = act({
  summary: "List realms, the version of each that is current, and how it is written",
  words: [],
  flags: {
    ...lookFlags,
    rotate: { type: "boolean", help: "Only those whose keys are to be replaced, and why" },
  },
  calls: lookCalls,
  examples: [
    "keyward realm list",
    "keyward realm list --rotate",
    "keyward realm list --ledger ./ledger -o name",
  ],
  notes: [
    "A ledger is verified with the key in its first line. The first one of a seed that you see decides that key; one signed by another key later, or an older one, is refused.",
  ],
  async run(session, { flags }) {
    const listing = await (await realmsToLook(session, flags)).list();
    if (flags.rotate === true) return showRotate(session.out, listing.about.rotate);
    const { realms, about } = listing;
    session.out.show(
      { ...about, realms },
      { blocks: [listBlock(realms)], names: realms.map(({ name }) => name) },
    );
    if (realms.length === 0) session.out.note("no realms yet; list one: keyward realm add NAME --kind KIND");
  },
});

type Out = {
  show: import("../../../command/output.ts").Output["show"];
  note: import("../../../command/output.ts").Output["note"];
};

function showRotate(out: Out, found: unknown): void {
  const rotate = (found ?? []) as readonly { name: string; versions: readonly number[]; because: string }[];
  const rows = rotate.map(({ name, versions, because }) => [name, versions.join(", "), because]);
  out.show(
    { rotate },
    {
      blocks: [{ kind: "table", head: ["NAME", "VERSIONS", "BECAUSE"], rows }],
      names: rotate.map(({ name }) => name),
    },
  );
  if (rotate.length === 0) out.note("nothing is to be replaced");
}

/** A column more when a realm's text is not its name. */
function listBlock(realms: readonly RealmRow[]): Block {
  const texts = realms.some(({ name, derivation }) => derivation.realm !== name);
  return {
    kind: "table",
    head: ["NAME", "VERSION", "KIND", "FORMAT", "CHANGED", ...(texts ? ["REALM"] : []), "NOTE"],
    rows: realms.map((realm) => [
      realm.name,
      versionCell(realm),
      kindText(realm.derivation.kind),
      realm.encoding,
      time(realm.changed),
      ...(texts ? [realm.derivation.realm === realm.name ? "" : printable(realm.derivation.realm)] : []),
      realm.note ?? "",
    ]),
  };
}

function versionCell({ versions }: RealmRow): string {
  const last = versions.at(-1);
  if (last === undefined) return "";
  return last.state.kind === "current" || last.state.kind === "primary"
    ? String(last.number)
    : last.state.kind;
}

export const show = act({
  summary: "Show a realm: what it derives, where it goes, its versions",
  words: ["REALM"],
  flags: lookFlags,
  calls: lookCalls,
  examples: ["keyward realm show web-1/ssh"],
  async run(session, { words: [name = ""], flags }) {
    const realm = await (await realmsToLook(session, flags)).find(name);
    session.out.show(realm, { blocks: realmBlocks(realm), names: [realm.name] });
  },
});

function realmBlocks({ name, derivation, encoding, delivery, note, versions }: RealmRow): Block[] {
  const policy = derivation.kind.kind === "password" ? derivation.kind.policy : undefined;
  return [
    {
      kind: "fields",
      fields: [
        ["name", name],
        ["scheme", derivation.scheme],
        ["realm", derivation.realm === name ? undefined : printable(derivation.realm)],
        ["kind", kindText(derivation.kind)],
        ["classes", policy?.classes.join(",")],
        ["specials", policy?.specials],
        ["purpose", derivation.purpose === "" ? undefined : printable(derivation.purpose)],
        ["format", encoding],
        ["delivery", deliveryText(delivery)],
        [
          "run",
          delivery?.run?.map((word) => (/^[\w./@:+=-]+$/.test(word) ? word : printable(word))).join(" "),
        ],
        ["note", note],
      ],
    },
    {
      kind: "table",
      head: ["VERSION", "STATE", "CREATED", "TAG"],
      rows: versions.map(({ number, state, created, tag }) => [
        String(number),
        versionState(state),
        time(created),
        tag ?? "",
      ]),
    },
  ];
}

function deliveryText(delivery: RealmRow["delivery"]): string | undefined {
  if (delivery === undefined) return undefined;
  if (delivery.kind === "consumer") return "to a program's standard input";
  const { path, owner = "", group = "", mode } = delivery;
  const who = group === "" ? owner : `${owner}:${group}`;
  return [path, formatMode(mode), who].filter((part) => part !== "").join(" ");
}

/** `raw 32`, `password 20`, `ed25519`. */
export function kindText(kind: RealmKind): string {
  if (kind.kind === "password") return `password ${kind.policy.length}`;
  return "length" in kind ? `${kind.kind} ${kind.length}` : kind.kind;
}
