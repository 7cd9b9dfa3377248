/** `keyward key derive`: a key whose value each node makes from its own seed. */

import { act } from "../../../command/command.ts";
import { integer, period, present } from "../../../command/read-flags.ts";
import { kindFlags, kindOf } from "../../../machine/realm-kind.ts";
import { parseKeyName } from "../../../model/name.ts";
import { keyEncodings, schemes } from "../../../model/realm.ts";
import { defaultEncoding } from "../../../seed/encodings.ts";
import { written } from "./written.ts";

export const derive = act({
  summary: "Make a key of which each node derives its own value from its own seed",
  words: ["NAME"],
  flags: {
    ...kindFlags,
    realm: { type: "string", value: "REALM", help: "The realm to derive it for (the key's name)" },
    purpose: { type: "string", value: "TEXT", help: "Parts the uses of one realm (none)" },
    format: {
      type: "string",
      short: "f",
      value: "FORM",
      choices: keyEncodings,
      help: `How the file is written: ${keyEncodings.join(", ")}`,
    },
    scheme: { type: "string", value: "SCHEME", choices: schemes, help: `${schemes.join(", ")} (keyward-1)` },
    number: { type: "string", value: "N", help: "The version's number, where it was counted elsewhere" },
    expect: {
      type: "string",
      value: "VERSION",
      help: "Only when this version is the primary one; 0: only when there is no such key",
    },
    retire: { type: "string", value: "TIME", help: "How long older versions are still served, as 24h" },
  },
  calls: ["key.derive"],
  examples: [
    "keyward key derive ssh/host --kind ed25519 --realm ssh --purpose host --format openssh",
    "keyward key derive root/password --kind password --length 40",
    "keyward key derive disks/data --kind luks",
  ],
  notes: [
    "The server keeps no value: it says realm, kind and version, and each node that is granted the key makes its own from its seed, so that two nodes never have the same one. keyward key rotate takes the next version, on every node.",
    "A node without a seed says so in plan and in the key's history; give it one with keyward seed install.",
  ],
  async run(session, { words: [name = ""], flags }) {
    const key = parseKeyName(name);
    const kind = kindOf(flags);
    const body = present({
      derivation: {
        scheme: flags.scheme ?? "keyward-1",
        realm: flags.realm ?? key,
        kind,
        purpose: flags.purpose ?? "",
      },
      encoding: flags.format ?? defaultEncoding(kind.kind),
      number: integer(flags.number, "--number", 1),
      expected: integer(flags.expect, "--expect"),
      retire: period(flags.retire),
    });
    written(session, "derived on its nodes", await session.call("key.derive", { path: { name: key }, body }));
  },
});
