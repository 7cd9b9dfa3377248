/** `keyward key put`: the value comes from stdin, a file or the terminal, never from an argument. */
import { toBase64 } from "../../../base/bytes.ts";
import { KeywardError } from "../../../base/errors.ts";
import type { Secret } from "../../../base/secret.ts";
import { act } from "../../../command/command.ts";
import { integer, period, present } from "../../../command/read-flags.ts";
import { askTwice, readSecret } from "../../../command/read-secret.ts";
import type { World } from "../../../command/world.ts";
import { MAX_VALUE_BYTES } from "../../../model/key.ts";
import { parseKeyName } from "../../../model/name.ts";
import { written } from "./written.ts";

export const put = act({
  summary: "Store a value as the new primary version of a key",
  words: ["NAME"],
  tooMany: "a value is never an argument: everybody on this machine can see arguments while a program runs",
  flags: {
    file: { type: "string", short: "f", value: "FILE", help: "Read the value from this file, - is stdin" },
    chomp: { type: "boolean", help: "Leave out one line break at the value's end" },
    expect: {
      type: "string",
      value: "VERSION",
      help: "Only when this version is the primary one; 0: only when there is no such key",
    },
    retire: { type: "string", value: "TIME", help: "How long older versions are still served, as 24h" },
  },
  calls: ["key.put"],
  examples: [
    "keyward key put db/orders/password < password.txt",
    "pwgen 32 1 | keyward key put db/orders/password --chomp",
    "keyward key put tls/api/key --file api.key --expect 3",
  ],
  notes: [
    "At a terminal the value is asked for twice and not shown. The bytes are kept as they come, a line break at the end included, unless --chomp is given. At most 1 MiB.",
  ],
  async run(session, { words: [name = ""], flags }) {
    const key = parseKeyName(name);
    const members = { expected: integer(flags.expect, "--expect"), retire: period(flags.retire) };
    using value = await readValue(session.world, flags.file, flags.chomp === true);
    const body = present({ value: toBase64(value.reveal()), ...members });
    written(session, "stored", await session.call("key.put", { path: { name: key }, body }));
  },
});

async function readValue(world: World, file: string | undefined, chomp: boolean): Promise<Secret> {
  if (file === undefined && world.stdin.isTTY === true) return await askTwice(world, "value");
  const value = await readSecret(world, file, { what: "value", limit: MAX_VALUE_BYTES, chomp });
  if (value.length > 0) return value;
  throw new KeywardError("usage", "the value is empty", {
    hint: "give it on standard input or with --file",
  });
}
