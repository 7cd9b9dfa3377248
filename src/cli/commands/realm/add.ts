/** `keyward realm add`: a realm is listed, with all that its label needs, before its first key is derived. */
import { KeywardError } from "../../../base/errors.ts";
import type { RealmDelivery } from "../../../formats/ledger/ledger.ts";
import { parseInstallPath, parseMode } from "../../../model/grant.ts";
import { parseKeyName, printable } from "../../../model/name.ts";
import { keyEncodings, schemes } from "../../../model/realm.ts";
import { assertEncoding, defaultEncoding } from "../../../seed/encodings.ts";
import { act } from "../../command.ts";
import { integer, present } from "../../read-flags.ts";
import { kindFlags, kindOf } from "../../realm-kind.ts";
import { changeCalls, changeFlags, realmsOf } from "./realms.ts";
import { written } from "./written.ts";

/** Of the secret half. */
const formats = keyEncodings.filter((one) => one !== "authorized-keys");

export const add = act({
  summary: "List a realm: what is derived for it, how it is written, and where it goes",
  words: ["REALM"],
  rest: "PROGRAM ARGUMENT...",
  flags: {
    ...kindFlags,
    purpose: { type: "string", value: "TEXT", help: "Parts the uses of one realm (none)" },
    format: {
      type: "string",
      short: "f",
      value: "FORM",
      choices: formats,
      help: `How it is written: ${formats.join(", ")}`,
    },
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
    file: { type: "string", value: "PATH", help: "The file to put it into on this machine" },
    owner: { type: "string", value: "USER", help: "The file's owner" },
    group: { type: "string", value: "GROUP", help: "The file's group" },
    mode: { type: "string", value: "MODE", help: "The file's permission bits (0400)" },
    consumer: { type: "boolean", help: "The program after -- reads the key on its standard input" },
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

interface DeliveryFlags {
  readonly file?: string;
  readonly owner?: string;
  readonly group?: string;
  readonly mode?: string;
  readonly consumer?: boolean;
}

/** @throws KeywardError `usage` */
function deliveryOf(flags: DeliveryFlags, rest: readonly string[] | undefined): RealmDelivery | undefined {
  const { file, owner, group, mode, consumer = false } = flags;
  if (rest?.[0]?.startsWith("/") === false)
    throw usage(`program ${printable(rest[0])}: want an absolute path`);
  if (file !== undefined) {
    if (consumer) throw usage("--file and --consumer exclude each other");
    const path = parseInstallPath(file);
    if (!path.startsWith("/")) throw usage(`path ${printable(file)}: want an absolute one`);
    return present({ kind: "file" as const, path, owner, group, mode: parseMode(mode ?? "0400"), run: rest });
  }
  const stranger = owner ?? group ?? mode;
  if (stranger !== undefined) throw usage("--owner, --group and --mode go with --file");
  if (!consumer && rest === undefined) return undefined;
  if (!consumer) throw usage("a program goes with --file or --consumer");
  if (rest === undefined || rest.length === 0)
    throw usage("--consumer: the program is missing", "give it after --");
  return { kind: "consumer", run: rest };
}

function usage(message: string, hint?: string): KeywardError {
  return new KeywardError("usage", message, hint === undefined ? {} : { hint });
}
