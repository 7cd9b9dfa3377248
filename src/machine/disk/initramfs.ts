/** This machine's initramfs: which program goes into it, and the files that see to that, put where its tool looks. */
import { existsSync, mkdirSync, readFileSync, realpathSync } from "node:fs";
import path from "node:path";
import { KeywardError } from "../../base/errors.ts";
import { isExecutable } from "../../command/guard.ts";
import { replace } from "../../command/write-file.ts";
import {
  type InitramfsFile,
  type InitramfsTool,
  type InstalledProgram,
  isUnchanged,
} from "../../disk/disk.ts";

/** As it runs now. @throws KeywardError `usage` when it runs from its sources. */
export function installedProgram(argv: readonly string[] = process.argv): InstalledProgram {
  const runtime = realpathSync(process.execPath);
  if (isExecutable()) return { kind: "executable", path: runtime };
  const bundle = realpathSync(argv[1] ?? "");
  if (path.basename(bundle) !== "keyward.cjs")
    throw new KeywardError("usage", `${bundle}: is not what is installed on machines`, {
      hint: "run the built program: npm run build",
    });
  return { kind: "bundles", path: path.dirname(bundle), node: runtime };
}

/** The one that is installed here. @throws KeywardError `usage` when that cannot be told. */
export function initramfsTool(root = "/"): InitramfsTool {
  const here = (program: string): boolean => existsSync(path.join(root, program));
  const debians = here("usr/sbin/update-initramfs");
  const dracuts = here("usr/bin/dracut") || here("usr/sbin/dracut");
  if (debians !== dracuts) return debians ? "initramfs-tools" : "dracut";
  const what = debians
    ? "both initramfs-tools and dracut are here"
    : "neither initramfs-tools nor dracut is here";
  throw new KeywardError("usage", what, { hint: "say: --tool initramfs-tools, or --tool dracut" });
}

export type FileState = "new" | "renewed" | "as it was" | "changed by somebody";

export interface PlacedFile extends InitramfsFile {
  readonly state: FileState;
}

/** How they stand below this directory. */
export function lookAt(files: readonly InitramfsFile[], root: string): PlacedFile[] {
  return files.map((file) => ({ ...file, state: stateOf(path.join(root, file.path), file.text) }));
}

function stateOf(place: string, text: string): FileState {
  if (!existsSync(place)) return "new";
  const there = readFileSync(place, "utf8");
  if (there === text) return "as it was";
  return isUnchanged(there) ? "renewed" : "changed by somebody";
}

/**
 * All of them, or none.
 *
 * @param over - Also over those that somebody has changed.
 * @throws KeywardError `conflict` naming them; `local`.
 */
export function placeAll(files: readonly PlacedFile[], root: string, over: boolean): void {
  const changed = files.filter(({ state }) => state === "changed by somebody").map((one) => one.path);
  if (changed.length > 0 && !over)
    throw new KeywardError("conflict", `somebody has changed ${changed.join(", ")}`, {
      hint: "nothing was written; to write over it: --yes",
    });
  for (const { path: file, state, text, mode } of files) {
    if (state === "as it was") continue;
    const place = path.join(root, file);
    mkdirSync(path.dirname(place), { recursive: true, mode: 0o755 });
    replace(place, "file for the initramfs", Buffer.from(text), mode);
  }
}
