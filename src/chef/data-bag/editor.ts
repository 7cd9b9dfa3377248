/** An item in $VISUAL or $EDITOR, on a file in memory. */
import { runForeground } from "../../adapters/foreground.ts";
import { fromUtf8 } from "../../base/bytes.ts";
import { isKeywardError, KeywardError } from "../../base/errors.ts";
import { Secret } from "../../base/secret.ts";
import { readBytes } from "../../command/read-file.ts";
import type { Session } from "../../command/session.ts";
import type { World } from "../../command/world.ts";
import { PlainItem } from "../../formats/databag/databag.ts";
import { withMemoryFile } from "./memory-file.ts";
import { MAX_ITEM_FILE } from "./repository.ts";

/**
 * @param id - What the edited item must have as its id; `null`: any, or none.
 * @returns `null` when nothing was changed.
 * @throws KeywardError `malformed` when what the editor leaves is no item; `local`
 */
export async function inEditor(
  session: Pick<Session, "world">,
  plain: PlainItem,
  name: string,
  id: string | null = name,
): Promise<PlainItem | null> {
  using before = plain.toJson("lines");
  return await withMemoryFile(session.world, `${name}.json`, before.reveal(), async (file) => {
    await runEditor(session.world, file);
    using after = Secret.take(readBytes(file, "edited item", MAX_ITEM_FILE));
    if (after.equals(before)) return null;
    const edited = parseEdited(fromUtf8(after.reveal(), "edited item"));
    if (id !== null && edited.id !== id) throw notTaken("its id was changed");
    return edited;
  });
}

function parseEdited(text: string): PlainItem {
  try {
    return PlainItem.parse(text, "edited item");
  } catch (error) {
    throw isKeywardError(error) ? notTaken("it is not valid JSON") : error;
  }
}

function notTaken(why: string): KeywardError {
  return new KeywardError("malformed", `the edited item is not taken: ${why}`, {
    hint: "the item is as it was",
  });
}

/** Words are split at blanks, as git does without a shell's help; quotes mean nothing. */
async function runEditor({ env, cwd }: World, file: string): Promise<void> {
  const editor = env.VISUAL || env.EDITOR || "vi";
  const environment: Record<string, string> = {};
  for (const [name, value] of Object.entries(env)) if (value !== undefined) environment[name] = value;
  const argv = [...editor.split(/\s+/).filter((word) => word !== ""), file];
  const end = await runForeground({ argv, environment, cwd });
  if (end.kind === "exited" && end.status === 0) return;
  const why = end.kind === "not-started" ? "cannot be started" : "did not end well";
  throw new KeywardError("local", `the editor ${JSON.stringify(argv[0])} ${why}`, {
    hint: "the item is as it was; set EDITOR",
  });
}
