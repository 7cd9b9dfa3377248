/** `keyward inventory sources`, `accept`, `refuse`: which sources there are, and what of them counts. */
import type { ResponseOf } from "../../../api/shapes.ts";
import { KeywardError } from "../../../base/errors.ts";
import { act, type Flags } from "../../../command/command.ts";
import type { Output } from "../../../command/output.ts";
import { changeBlocks, time } from "../../../command/view.ts";
import { printable } from "../../../model/name.ts";

type Source = ResponseOf<"inventory.accept">["source"];

export const acceptFlag = {
  accept: {
    type: "string",
    multiple: true,
    value: "SOURCE.PART",
    help: "Let this grant from now on, although the node itself can write it",
  },
} as const satisfies Flags;

export const sources = act({
  summary: "List sources, and what is accepted of each",
  words: [],
  flags: {},
  calls: ["inventory.list"],
  examples: ["keyward inventory sources"],
  async run({ call, out }) {
    const answer = await call("inventory.list", {});
    const rows = answer.sources.map(({ name, accepted, applying, synced }) => [
      name,
      accepted.map((path) => `${name}.${path}`).join(" "),
      applying === true ? "not to all nodes yet" : "",
      time(synced),
    ]);
    out.show(answer, {
      blocks: [{ kind: "table", head: ["SOURCE", "ACCEPTED", "APPLIED", "SYNCED"], rows }],
      names: answer.sources.map(({ name }) => name),
    });
    for (const source of answer.sources) warnOfAccepted(out, source);
    if (rows.length === 0) out.note("no sources; bring one in: keyward inventory sync chef");
  },
});

const words = ["SOURCE.PART..."] as const;
const parts =
  "Of Chef: chef.run_list, chef.environment, chef.policy, chef.normal, chef.default, chef.override, chef.automatic, or an attribute in one, as chef.automatic.roles.";

export const accept = act({
  summary: "Let parts of what a source says grant keys",
  words: [...words],
  flags: {},
  calls: ["inventory.accept"],
  examples: [
    "keyward inventory accept chef.environment chef.automatic.roles --dry-run",
    "keyward inventory accept chef.environment",
  ],
  notes: [
    `${parts} A node's own client can write its Chef object, so that a node that is broken into can win keys by what you accept. It wants the right node:write on every node.`,
  ],
  async run({ call, out, dryRun }, { words: paths }) {
    const source = sourceOf(paths);
    const body = { accept: pathsOf(source, paths), refuse: [] };
    const answer = await call("inventory.accept", { path: { source }, body });
    const line = `${dryRun ? "would be accepted" : "accepted"}: ${paths.join(" ")}`;
    out.show(answer, { blocks: changeBlocks(line, answer.effect), names: answer.source.accepted });
    warnOfAccepted(out, answer.source);
  },
});

export const refuse = act({
  summary: "Let parts of what a source says grant no more",
  words: [...words],
  flags: {},
  calls: ["inventory.accept"],
  examples: ["keyward inventory refuse chef.normal --dry-run", "keyward inventory refuse chef.normal"],
  notes: ["Nodes lose the keys that they had by it. What the source says stays to be seen, as reported."],
  async run({ call, out, dryRun }, { words: paths }) {
    const source = sourceOf(paths);
    const body = { accept: [], refuse: pathsOf(source, paths) };
    const answer = await call("inventory.accept", { path: { source }, body });
    const line = `${dryRun ? "would be refused" : "refused"}: ${paths.join(" ")}`;
    out.show(answer, { blocks: changeBlocks(line, answer.effect), names: answer.source.accepted });
  },
});

export function warnOfAccepted(out: Output, { name, accepted }: Source): void {
  if (accepted.length === 0) return;
  const paths = accepted.map((path) => `${name}.${path}`).join(", ");
  out.note({ text: `warning: a node can write ${paths} itself, and wins keys by it`, style: "yellow" });
}

function sourceOf([first = ""]: readonly string[]): string {
  return first.split(".")[0] ?? "";
}

/** `chef.run_list` of the source `chef`: `run_list`. @throws KeywardError `usage` */
export function pathsOf(source: string, words: readonly string[]): string[] {
  return words.map((word) => {
    if (source !== "" && word.startsWith(`${source}.`)) return word.slice(source.length + 1);
    throw new KeywardError("usage", `${printable(word)}: want a part of one source, as chef.run_list`);
  });
}
