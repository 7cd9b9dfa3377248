/** What is to open a seed that is sealed: a passphrase, typed twice; a key file; or the machine. */
import path from "node:path";
import { KeywardError } from "../base/errors.ts";
import { Secret } from "../base/secret.ts";
import type { Flags } from "../command/command.ts";
import { readOwn, readPrivate } from "../command/read-file.ts";
import { askTwice, readSecret } from "../command/read-secret.ts";
import type { World } from "../command/world.ts";
import { defaultCost } from "../crypto/scrypt.ts";
import type { SeedOpener } from "../model/seed-place.ts";
import type { Openers } from "../seed/seed.ts";

export const sealingFlags = {
  "passphrase-file": {
    type: "string",
    value: "FILE",
    help: "Let this passphrase open it, - is stdin; typed twice at the terminal unless given",
  },
  "key-file": { type: "string", value: "FILE", help: "Let this key file open it" },
  machine: { type: "boolean", help: "Let the machine itself open it, at boot and without anybody" },
} as const satisfies Flags;

export interface SealingFlags {
  readonly "passphrase-file"?: string;
  readonly "key-file"?: string;
  readonly machine?: boolean;
}

export interface Sealing {
  readonly opener: SeedOpener;
  readonly openers: Openers;
}

const MAX_SECRET = 131_072;

/** Was anything said about it? */
export function saysSealing(flags: SealingFlags): boolean {
  return flags["passphrase-file"] !== undefined || flags["key-file"] !== undefined || flags.machine === true;
}

/**
 * @param usual - What opens it when nothing was said.
 * @throws KeywardError `usage` when more than one was said.
 */
export function sealingOf(
  flags: SealingFlags,
  world: World,
  usual: "passphrase" | "machine" = "passphrase",
): Sealing {
  const { "passphrase-file": passphraseFile, "key-file": keyFile, machine } = flags;
  const said = [passphraseFile, keyFile, machine === true ? true : undefined].filter(
    (one) => one !== undefined,
  );
  if (said.length > 1)
    throw new KeywardError("usage", "want one of --passphrase-file, --key-file and --machine", {
      hint: "several ways to one seed: seal it once for each place, or split it",
    });
  if (keyFile !== undefined)
    return {
      opener: { kind: "key-file" },
      openers: {
        keyFile: async () => Secret.take(readOwn(path.resolve(world.cwd, keyFile), "key file", MAX_SECRET)),
      },
    };
  if (machine === true || (passphraseFile === undefined && usual === "machine"))
    return {
      opener: { kind: "machine" },
      openers: { machine: async () => (await import("../adapters/smbios/smbios.ts")).machineIdentity() },
    };
  return {
    opener: { kind: "passphrase", ...defaultCost },
    openers: { passphrase: () => newPassphrase(passphraseFile, world) },
  };
}

async function newPassphrase(file: string | undefined, world: World): Promise<Secret> {
  if (file === undefined) return await askTwice(world, "new passphrase of the seed");
  if (file !== "-") return readPrivate(path.resolve(world.cwd, file), "passphrase file");
  return await readSecret(world, "-", { what: "passphrase", limit: 4096, chomp: true });
}
