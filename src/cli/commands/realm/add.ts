/** `keyward realm add`: a realm is listed, with all that its label needs, before its first key is derived. */

import { act } from "../../../command/command.ts";
import { integer, present } from "../../../command/read-flags.ts";
import { kindFlags, kindOf } from "../../../machine/realm-kind.ts";
import { parseKeyName } from "../../../model/name.ts";
import { schemes } from "../../../model/realm.ts";
import { assertEncoding, defaultEncoding } from "../../../seed/encodings.ts";
import { deliveryFlags, deliveryOf, formatFlag } from "./delivery.ts";
import { changeCalls, changeFlags, realmsOf } from "./realms.ts";
import { written } from "./written.ts";

export const add = act({
  summary: "List a realm: what is derived for it, how it is written, and where it goes",
  words: ["REALM"],
  rest: "PROGRAM ARGUMENT...",
  flags: {
    ...kindFlags,
    purpose: { type: "string", value: "TEXT", help: "Parts the uses of one realm (none)" },
    format: formatFlag,
    scheme: {
      type: "string",
      value: "SCHEME",
      choices: schemes,
      help: `${schemes.join(", ")}: the seed's own unless given`,
    },
    text: {
      type: "string",
      value: "TEXT",
      help: "The realm as the seed takes it, byte for byte, when it is not the name",
    },
    version: {
      type: "string",
      value: "N",
      help: "The first version, when it was counted elsewhere before (1)",
    },
    ...deliveryFlags,
    note: { type: "string", value: "TEXT", help: "A line for people" },
    ...changeFlags,
  },
  calls: changeCalls,
  changes: true,
  examples: [
    "keyward realm add web-1/ssh --kind ed25519 --purpose ssh-host --format openssh --file /etc/ssh/ssh_host_ed25519_key --mode 0600 -- /usr/bin/systemctl reload ssh",
    "keyward realm add web-1/root --kind password --length 20 --consumer -- /usr/local/sbin/set-root-password",
    "keyward realm add bank --kind pass --text 'My bank' --scheme gokey-0.1",
  ],
  notes: [
    "What follows -- is a program and its arguments, never a shell's command line; its path is absolute. With --file it runs after the file changed.",
    "gokey counts versions in the realm: version 2 of ssh is ssh-v2. --text takes a realm that is no name here, with blanks, say; it is kept as it is.",
  ],
  async run(session, { words: [name = ""], flags, rest }) {
    const key = parseKeyName(name);
    const kind = kindOf(flags);
    const encoding = flags.format ?? defaultEncoding(kind.kind);
    assertEncoding(kind.kind, "secret", encoding);
    const realm = present({
      name: key,
      derivation: { scheme: flags.scheme, realm: flags.text ?? key, kind, purpose: flags.purpose ?? "" },
      encoding,
      version: integer(flags.version, "--version", 1) ?? 1,
      delivery: deliveryOf(flags, rest),
      note: flags.note,
    });
    written(session, "added", await (await realmsOf(session, flags)).add(realm));
  },
});
