/** `keyward key get`: the bytes to a pipe or a file; on a terminal only with --reveal. */
import path from "node:path";
import { fromBase64, fromUtf8, toBase64 } from "../../../base/bytes.ts";
import { Secret } from "../../../base/secret.ts";
import { parseKeyName } from "../../../model/name.ts";
import { act } from "../../command.ts";
import { present, requiredInteger } from "../../read-flags.ts";
import type { Session } from "../../session.ts";
import { assertAbsent, writeNew } from "../../write-file.ts";

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
    const answer = await session.call("key.get", { path: { name: key }, query });
    using value = Secret.take(fromBase64(answer.value, "the value"));
    if (flags.out !== undefined) save(session, flags.out, value, answer);
    else show(session, value, answer, flags.reveal === true);
  },
});

interface Got {
  readonly name: string;
  readonly version: number;
  readonly value: string;
}

function save({ out, world }: Session<never>, file: string, value: Secret, { name, version }: Got): void {
  writeNew(path.resolve(world.cwd, file), "file", value.reveal());
  out.show(
    { name, version, file },
    { blocks: [{ kind: "lines", lines: [`wrote ${name} version ${version} to ${file}`] }], names: [name] },
  );
}

function show({ out, world }: Session<never>, value: Secret, answer: Got, reveal: boolean): void {
  const terminal = world.stdout.isTTY === true;
  const masked = terminal && !reveal;
  if (out.format === "table" && !terminal) {
    out.bytes(value.reveal());
    return;
  }
  out.show(masked ? { ...answer, value: value.toString() } : answer, {
    blocks: [{ kind: "lines", lines: masked ? [value.toString()] : forTerminal(value) }],
    names: [answer.name],
  });
  if (masked) out.note("shown with --reveal, or in a pipe");
}

/** As text where it is text. Whoever stored it does not get to move the reader's cursor. */
function forTerminal(value: Secret): string[] {
  try {
    const text = fromUtf8(value.reveal(), "the value");
    return text.replace(/\n$/, "").split("\n");
  } catch {
    return [`base64: ${toBase64(value.reveal())}`];
  }
}
