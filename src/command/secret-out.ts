/** A secret as an act's answer: to a new file, to a pipe as it is, to a terminal only when that was asked for. */
import path from "node:path";
import { fromUtf8, toBase64 } from "../base/bytes.ts";
import type { Secret } from "../base/secret.ts";
import type { Session } from "./session.ts";
import { writeNew } from "./write-file.ts";

/** What else is said of it, with `-o json`. */
export interface About {
  readonly name: string;
  readonly version: number;
}

/**
 * Never over another file.
 *
 * @param half - Of a key pair: a secret one is for its owner only.
 * @throws KeywardError `conflict`, `local`
 */
export function saveSecret(
  { out, world }: Pick<Session, "out" | "world">,
  file: string,
  value: Secret,
  about: About,
  half: "secret" | "public" = "secret",
): void {
  const { name, version } = about;
  writeNew(path.resolve(world.cwd, file), "file", value.reveal(), half === "secret" ? 0o600 : 0o644);
  out.show(
    { ...about, file },
    { blocks: [{ kind: "lines", lines: [`wrote ${name} version ${version} to ${file}`] }], names: [name] },
  );
}

export function showSecret(
  { out, world }: Pick<Session, "out" | "world">,
  value: Secret,
  about: About,
  reveal: boolean,
): void {
  const terminal = world.stdout.isTTY === true;
  const masked = terminal && !reveal;
  if (out.format === "table" && !terminal) {
    out.bytes(value.reveal());
    return;
  }
  const shown = masked ? value.toString() : toBase64(value.reveal());
  out.show(
    { ...about, value: shown },
    {
      blocks: [{ kind: "lines", lines: masked ? [value.toString()] : forTerminal(value) }],
      names: [about.name],
    },
  );
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
