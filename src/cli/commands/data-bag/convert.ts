/** `keyward data-bag encrypt`, `decrypt`: one item, from a file to standard output. */
import { utf8 } from "../../../base/bytes.ts";
import { formatExactJsonLines } from "../../../base/exact-json-text.ts";
import { readDataBagSecret, secretFlag } from "../../../chef/data-bag/secret-flag.ts";
import { readItemText, revealFlag, saveItem, showPlain, showStored } from "../../../chef/data-bag/shown.ts";
import { act } from "../../../command/command.ts";
import {
  type DataBagVersion,
  decryptDataBagItem,
  encryptDataBagItem,
  PlainItem,
} from "../../../formats/databag/databag.ts";

const versions = ["0", "1", "2", "3"] as const;

export const versionFlag = {
  version: { type: "string", value: "VERSION", choices: versions, help: "Of the format: 0, 1, 2 or 3 (3)" },
} as const;

export const minimumFlag = {
  "minimum-version": {
    type: "string",
    value: "VERSION",
    choices: versions,
    help: "Refuse values of an older version (0)",
  },
} as const;

export function versionOf(
  text: (typeof versions)[number] | undefined,
  otherwise: DataBagVersion,
): DataBagVersion {
  return text === undefined ? otherwise : (Number(text) as DataBagVersion);
}

export const decrypt = act({
  summary: "Decrypt an encrypted data bag item",
  words: ["ITEM.json"],
  flags: {
    ...secretFlag,
    ...minimumFlag,
    ...revealFlag,
    out: { type: "string", value: "FILE", help: "Write it to this new file, readable by its owner only" },
  },
  calls: [],
  examples: [
    "keyward data-bag decrypt --secret-file /etc/chef/encrypted_data_bag_secret item.json",
    "keyward data-bag decrypt --secret-file secret --minimum-version 3 item.json --out plain.json",
  ],
  notes: [
    "ITEM.json is an item as knife or a Chef server gives it; - reads it from standard input. The whole item is printed as JSON, or nothing: an error names each value that does not open, and whether the secret is another one or the value was changed.",
  ],
  async run(session, { words: [file = ""], flags }) {
    using secret = readDataBagSecret(session, flags["secret-file"]);
    const minimumVersion = versionOf(flags["minimum-version"], 0);
    const item = await decryptDataBagItem(await readItemText(session, file), secret, { minimumVersion });
    if (flags.out === undefined) return showPlain(session, item, flags.reveal === true);
    using text = item.toJson("lines");
    saveItem(session, flags.out, text.reveal(), 0o600);
  },
});

export const encrypt = act({
  summary: "Encrypt a data bag item",
  words: ["ITEM.json"],
  flags: {
    ...secretFlag,
    ...versionFlag,
    out: { type: "string", value: "FILE", help: "Write it to this new file" },
  },
  calls: [],
  examples: [
    "keyward data-bag encrypt --secret-file secret plain.json > item.json",
    "keyward data-bag encrypt --secret-file secret --version 1 plain.json --out item.json",
  ],
  notes: [
    "Every member but id is encrypted. Version 3 is the only one that protects a value from changes as a whole; 0, 1 and 2 are for old clients of Chef. An item that is encrypted already is refused.",
  ],
  async run(session, { words: [file = ""], flags }) {
    using secret = readDataBagSecret(session, flags["secret-file"], "--secret-file", "seal");
    const plain = PlainItem.parse(await readItemText(session, file));
    const item = encryptDataBagItem(plain, secret, { version: versionOf(flags.version, 3) });
    if (flags.out === undefined) return showStored(session, item);
    saveItem(session, flags.out, utf8(formatExactJsonLines(item)), 0o644);
  },
});
