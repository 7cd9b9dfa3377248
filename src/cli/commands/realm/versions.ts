/** `keyward realm bump`, `retire`: the life of a realm's versions. */
import { act } from "../../../command/command.ts";
import { integer, period } from "../../../command/read-flags.ts";
import { changeCalls, changeFlags, realmsOf } from "./realms.ts";
import { written } from "./written.ts";

export const bump = act({
  summary: "Make a realm's next version the current one",
  words: ["REALM"],
  flags: {
    retire: { type: "string", value: "TIME", help: "How long the version before stays derivable (30d)" },
    ...changeFlags,
  },
  calls: changeCalls,
  changes: true,
  examples: ["keyward realm bump web-1/ssh", "keyward realm bump web-1/root --retire 1h"],
  notes: [
    "A realm that was retired is in use again by this, with its next version: no number is used twice.",
  ],
  async run(session, { words: [name = ""], flags }) {
    written(session, "bumped", await (await realmsOf(session, flags)).bump(name, period(flags.retire)));
  },
});

export const retire = act({
  summary: "End a version of a realm, or all of them",
  words: ["REALM"],
  flags: {
    version: { type: "string", value: "N", help: "This version alone" },
    in: { type: "string", value: "TIME", help: "How long it stays derivable still (0s)" },
    ...changeFlags,
  },
  calls: changeCalls,
  changes: true,
  examples: ["keyward realm retire web-1/ssh --version 1", "keyward realm retire web-1/ssh --in 7d"],
  notes: [
    "A retired realm stays known, so that its name is not given to another key by mistake: there is no rm.",
  ],
  async run(session, { words: [name = ""], flags }) {
    const version = integer(flags.version, "--version", 1);
    const realms = await realmsOf(session, flags);
    written(session, "retired", await realms.retire(name, version, period(flags.in)));
  },
});
