/** Where a seed is put: `--uefi`, `--file PATH`, `--systemd-creds`, or a place as `seed show` takes it. */
import { KeywardError } from "../../../base/errors.ts";
import type { Flags } from "../../../command/command.ts";
import type { World } from "../../../command/world.ts";
import { openPlace, type PlaceText, parsePlace } from "../../../machine/seed-place.ts";
import type { SeedPlace } from "../../../model/seed-place.ts";

export const targetFlags = {
  uefi: { type: "boolean", help: "Put it into a UEFI variable" },
  file: { type: "string", value: "PATH", help: "Put it into a file; with --systemd-creds, the credential's" },
  "systemd-creds": { type: "boolean", help: "Put it into a systemd credential: TPM2 and host key" },
} as const satisfies Flags;

export interface TargetFlags {
  readonly uefi?: boolean;
  readonly file?: string;
  readonly "systemd-creds"?: boolean;
}

/**
 * @param word - Typed without a flag.
 * @returns `null` when nothing was said.
 * @throws KeywardError `usage` when more than one place was said.
 */
export function targetText(flags: TargetFlags, word: string | undefined, cwd: string): PlaceText | null {
  const { uefi = false, file, "systemd-creds": creds = false } = flags;
  const texts: string[] = [];
  if (uefi) texts.push("uefi");
  if (creds) texts.push(file === undefined ? "systemd-creds" : `systemd-creds:${file}`);
  else if (file !== undefined) texts.push(`file:${file}`);
  if (word !== undefined) texts.push(word);
  if (texts.length > 1)
    throw new KeywardError("usage", "want one place: --uefi, --file, --systemd-creds or PLACE");
  const [text] = texts;
  return text === undefined ? null : parsePlace(text, cwd);
}

/** @throws KeywardError `usage` when no place was said. */
export async function openTarget(
  flags: TargetFlags,
  word: string | undefined,
  world: World,
): Promise<SeedPlace> {
  const text = targetText(flags, word, world.cwd);
  if (text !== null) return await openPlace(text, world);
  throw new KeywardError("usage", "the place is missing", {
    hint: "want --uefi, --systemd-creds or --file PATH",
  });
}
