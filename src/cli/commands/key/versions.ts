/** `keyward key rotate`, `rollback`, `destroy`, `rm`: the life of versions. */

import { act } from "../../../command/command.ts";
import { integer, present, requiredInteger } from "../../../command/read-flags.ts";
import { changeBlocks } from "../../../command/view.ts";
import { parseKeyName } from "../../../model/name.ts";
import { written } from "./written.ts";

export const rotate = act({
  summary: "Make the next version by the key's recipe",
  words: ["NAME"],
  flags: {
    staged: {
      type: "boolean",
      help: "Keep the new version pending until every node that should have it has proved that it does",
    },
    expect: { type: "string", value: "VERSION", help: "Only when this version is the primary one" },
  },
  calls: ["key.rotate"],
  examples: ["keyward key rotate db/orders/password", "keyward key rotate db/orders/password --staged"],
  notes: [
    "Only for generated and derived keys: put a new value into a stored one with keyward key put.",
    "Of a derived key it is the next number: each node makes a new value from its own seed.",
  ],
  async run(session, { words: [name = ""], flags }) {
    const body = present({ staged: flags.staged, expected: integer(flags.expect, "--expect") });
    const answer = await session.call("key.rotate", { path: { name: parseKeyName(name) }, body });
    written(session, answer.state === "pending" ? "rotated, pending:" : "rotated", answer);
  },
});

export const rollback = act({
  summary: "Make an earlier version primary again",
  words: ["NAME", "VERSION"],
  flags: {},
  calls: ["key.rollback"],
  examples: ["keyward key rollback db/orders/password 3"],
  async run(session, { words: [name = "", number] }) {
    const body = { version: requiredInteger(number, "VERSION", 1) };
    const answer = await session.call("key.rollback", { path: { name: parseKeyName(name) }, body });
    written(session, "rolled back", answer);
  },
});

export const destroy = act({
  summary: "Destroy one version's value for good",
  words: ["NAME", "VERSION"],
  flags: {},
  calls: ["key.destroy"],
  examples: [
    "keyward key destroy db/orders/password 2",
    "keyward key destroy db/orders/password 2 --dry-run",
  ],
  notes: [
    "The version stays listed, its value is gone and cannot be brought back. Of a derived key it is never asked of a node again; who has the node's seed could still make it.",
  ],
  async run(session, { words: [name = "", number] }) {
    const body = { version: requiredInteger(number, "VERSION", 1) };
    const answer = await session.call("key.destroy", { path: { name: parseKeyName(name) }, body });
    written(session, "destroyed", answer);
  },
});

export const rm = act({
  summary: "Destroy every version of a key and forget its name",
  words: ["NAME"],
  flags: {},
  calls: ["key.remove"],
  examples: ["keyward key rm db/orders/password --dry-run", "keyward key rm db/orders/password"],
  notes: ["Nodes that hold it lose it. --dry-run says which."],
  async run({ call, out, dryRun }, { words: [name = ""] }) {
    const answer = await call("key.remove", { path: { name: parseKeyName(name) } });
    const line = dryRun ? `would be removed: ${answer.name}` : `removed ${answer.name}`;
    out.show(answer, { blocks: changeBlocks(line, answer.effect), names: [answer.name] });
  },
});
