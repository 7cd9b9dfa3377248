/**
 * Seed places as they are typed: `uefi`, `systemd-creds`, `credential:NAME`, or a file. After `uefi:` or
 * `systemd-creds:` a path may follow, where it is not the usual one.
 */
import { existsSync } from "node:fs";
import path from "node:path";
import { KeywardError } from "../base/errors.ts";
import { variable } from "../command/environment.ts";
import type { World } from "../command/world.ts";
import { printable } from "../model/name.ts";
import type { SeedPlace } from "../model/seed-place.ts";

export type PlaceText =
  | { readonly kind: "uefi"; readonly directory?: string }
  | { readonly kind: "systemd-creds"; readonly file?: string }
  | { readonly kind: "credential"; readonly name: string }
  | { readonly kind: "file"; readonly file: string };

/** @throws KeywardError `usage` */
export function parsePlace(text: string, cwd: string): PlaceText {
  const [, kind, rest] = /^(uefi|systemd-creds|credential|file)(?::(.*))?$/s.exec(text) ?? [];
  const absolute = rest === undefined || rest === "" ? undefined : path.resolve(cwd, rest);
  if (rest === "")
    throw new KeywardError("usage", `seed place ${printable(text)}: something follows the colon`);
  switch (kind) {
    case "uefi":
      return { kind, ...(absolute === undefined ? {} : { directory: absolute }) };
    case "systemd-creds":
      return { kind, ...(absolute === undefined ? {} : { file: absolute }) };
    case "credential":
      if (rest === undefined || !/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,254}$/.test(rest))
        throw new KeywardError("usage", `seed place ${printable(text)}: want credential:NAME`, {
          hint: "the name that LoadCredential= or LoadCredentialEncrypted= of the unit gives it",
        });
      return { kind, name: rest };
    case "file":
      if (absolute !== undefined) return { kind, file: absolute };
  }
  if (text === "") throw new KeywardError("usage", "seed place: is empty");
  return { kind: "file", file: path.resolve(cwd, text) };
}

type Surroundings = Pick<World, "env">;

/** @throws KeywardError `usage` for a credential where systemd handed in none. */
export async function openPlace(place: PlaceText, world: Surroundings): Promise<SeedPlace> {
  const { createSeedFile } = await import("../adapters/seed-file/seed-file.ts");
  switch (place.kind) {
    case "file":
      return createSeedFile(place.file);
    case "uefi": {
      const [{ createUefi }, { createEfivars }] = await Promise.all([
        import("../adapters/uefi/uefi.ts"),
        import("../adapters/uefi/efivars.ts"),
      ]);
      return createUefi(createEfivars(place.directory === undefined ? {} : { directory: place.directory }));
    }
    case "systemd-creds": {
      const { createSystemdCreds, CREDENTIAL_FILE } = await import(
        "../adapters/systemd-creds/systemd-creds.ts"
      );
      // systemd 252 has no directory for them yet.
      return createSystemdCreds(
        place.file === undefined
          ? createSeedFile(CREDENTIAL_FILE, { makesDirectory: true })
          : createSeedFile(place.file),
      );
    }
    case "credential": {
      const { createCredential } = await import("../adapters/systemd-creds/credential.ts");
      const directory = variable(world.env, "CREDENTIALS_DIRECTORY");
      if (directory === undefined || !path.isAbsolute(directory))
        throw new KeywardError("usage", `credential ${place.name}: systemd handed in none`, {
          hint: "it is there in a unit that has LoadCredential= or LoadCredentialEncrypted=",
        });
      return createCredential(place.name, createSeedFile(path.join(directory, place.name)));
    }
  }
}

/** Where the seed is when nobody says it: the usual file, or what the machine has instead. */
export async function usualPlace(file: string): Promise<PlaceText> {
  if (existsSync(file)) return { kind: "file", file };
  const [{ variableNames }, { EFIVARS_DIRECTORY }, { CREDENTIAL_FILE }] = await Promise.all([
    import("../adapters/uefi/uefi.ts"),
    import("../adapters/uefi/efivars.ts"),
    import("../adapters/systemd-creds/systemd-creds.ts"),
  ]);
  if (existsSync(path.join(EFIVARS_DIRECTORY, variableNames.current))) return { kind: "uefi" };
  if (existsSync(CREDENTIAL_FILE)) return { kind: "systemd-creds" };
  return { kind: "file", file };
}
