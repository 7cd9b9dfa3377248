/** `keyward inventory sync`: nodes and their attributes from a Chef server. */
import { KeywardError } from "../../../base/errors.ts";
import { chefServerFlags, openChefServer } from "../../../chef/server-flags.ts";
import { createSync, type SyncRound } from "../../../chef/sync.ts";
import { act } from "../../../command/command.ts";
import type { Block } from "../../../command/output.ts";
import { integer } from "../../../command/read-flags.ts";
import { inRounds, roundFlags } from "../../../command/rounds.ts";
import { planBlock } from "../../../command/view.ts";
import { printable } from "../../../model/name.ts";
import { acceptFlag, pathsOf, warnOfAccepted } from "./accept.ts";

export const sync = act({
  summary: "Bring in nodes and their attributes from a Chef server",
  words: ["SOURCE"],
  flags: {
    ...chefServerFlags,
    ...roundFlags,
    ...acceptFlag,
    attribute: {
      type: "string",
      multiple: true,
      value: "PATH",
      help: "An automatic attribute to bring in besides those that queries ask for, as kernel.release",
    },
    "lose-at-most": {
      type: "string",
      value: "N",
      help: "How many nodes may be gone in one round; a tenth, and ten, unless given",
    },
  },
  calls: ["inventory.put", "inventory.finish", "inventory.accept"],
  examples: [
    "keyward inventory sync chef --chef-server https://chef.example.com/organizations/acme --chef-user keyward --chef-key keyward.pem --dry-run",
    "keyward inventory sync chef --chef-server https://chef.example.com/organizations/acme --chef-user keyward --chef-key keyward.pem --follow --every 60s",
    "keyward inventory sync chef --chef-server https://chef.example.com/organizations/acme --chef-user keyward --chef-key keyward.pem --accept chef.run_list --accept chef.environment",
  ],
  notes: [
    "A Chef node object is written by the node's own client, so what it says is reported and grants nothing, until an operator accepts a part of it: chef.run_list, chef.environment, chef.policy, chef.normal, chef.default, chef.override, chef.automatic, or an attribute in one, as chef.automatic.roles. It stays accepted: keyward inventory sources.",
    "A node that is not known is made, and is pending. One that the server no longer has loses what it said; when many are gone at once nothing is taken away, and the command says so.",
  ],
  async run(session, { words: [source = ""], flags }) {
    if (source !== "chef")
      throw new KeywardError("usage", `source ${printable(source)}: the one that there is, is chef`);
    const lose = integer(flags["lose-at-most"], "--lose-at-most");
    const accept = pathsOf(source, flags.accept ?? []);
    const chef = await openChefServer(session, flags);
    try {
      if (accept.length > 0) {
        const answer = await session.call("inventory.accept", {
          path: { source },
          body: { accept, refuse: [] },
        });
        warnOfAccepted(session.out, answer.source);
      }
      const one = createSync(session, chef, flags.attribute ?? []);
      await inRounds(session, flags, async (number) => {
        const round = await one.round(lose);
        session.progress.end();
        if (number > 1 && isQuiet(round)) return;
        const blocks = blocksOf(round, session.dryRun);
        session.out.show(round, { blocks, names: [...round.made, ...round.changed, ...round.gone] });
      });
    } finally {
      chef.close();
    }
  },
});

function isQuiet({ made, changed, gone, refused }: SyncRound): boolean {
  return made.length + changed.length + gone.length + refused.length === 0;
}

function blocksOf(round: SyncRound, dryRun: boolean): Block[] {
  const { nodes, made, changed, unchanged, gone, refused, effect } = round;
  const counts = `${made.length} new, ${changed.length} changed, ${unchanged} unchanged, ${gone.length} gone`;
  return [
    { kind: "lines", lines: [`${dryRun ? "would bring in" : "brought in"} ${nodes} nodes: ${counts}`] },
    {
      kind: "table",
      head: ["REFUSED", "BECAUSE"],
      rows: refused.map(({ name, why }) => [printable(name), { text: why, style: "red" }]),
    },
    planBlock(effect),
  ];
}
