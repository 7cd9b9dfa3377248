/** `keyward key get`: the bytes to a pipe or a file; on a terminal only with --reveal. */
import path from "node:path";
import { fromBase64 } from "../../../base/bytes.ts";
import { Secret } from "../../../base/secret.ts";
import { act } from "../../../command/command.ts";
import { present, requiredInteger } from "../../../command/read-flags.ts";
import { saveSecret, showSecret } from "../../../command/secret-out.ts";
import { assertAbsent } from "../../../command/write-file.ts";
import { parseKeyName } from "../../../model/name.ts";

export const get = act({
  summary: "Read a key's value: the primary version, or the one asked for",
  words: ["NAME"],
  flags: {
    version: { type: "string", value: "VERSION", help: "This version instead of the primary one" },
    out: { type: "string", value: "FILE", help: "Write it to this new file, readable by its owner only" },
    reveal: { type: "boolean", help: "Show it even on a terminal" },
  },
  calls: ["key.get"],
  examples: [
    "keyward key get db/orders/password | psql-login",
    "keyward key get tls/api/key --out api.key",
    "keyward key get db/orders/password --reveal",
  ],
  notes: ["To a pipe go the value's bytes, nothing added. Every read has an event in the audit log."],
  async run(session, { words: [name = ""], flags }) {
    const key = parseKeyName(name);
    const version = flags.version === undefined ? undefined : requiredInteger(flags.version, "--version", 1);
    const query = present({ version: version === undefined ? undefined : String(version) });
    const { cwd } = session.world;
    if (flags.out !== undefined) assertAbsent(path.resolve(cwd, flags.out), "file");
    const { value: encoded, ...about } = await session.call("key.get", { path: { name: key }, query });
    using value = Secret.take(fromBase64(encoded, "the value"));
    if (flags.out !== undefined) saveSecret(session, flags.out, value, about);
    else showSecret(session, value, about, flags.reveal === true);
  },
});
