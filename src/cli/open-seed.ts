/**
 * Which seed a command derives from, and what opens it: flags first, then the environment, then the usual file,
 * `/etc/keyward/seed` for root and `keyward/seed` below the user's configuration for others.
 */
import path from "node:path";
import { Secret } from "../base/secret.ts";
import type { SeedPlace } from "../model/seed-place.ts";
import type { MachineSeed, Openers } from "../seed/seed.ts";
import type { Flags } from "./command.ts";
import { configurationOf, variable } from "./environment.ts";
import { readOwn, readPrivate } from "./read-file.ts";
import { readSecret } from "./read-secret.ts";
import type { World } from "./world.ts";

export const seedFlags = {
  seed: { type: "string", value: "FILE", help: "The seed's file (/etc/keyward/seed for root)" },
  "passphrase-file": {
    type: "string",
    value: "FILE",
    help: "The passphrase that opens the seed, - is stdin; asked for at the terminal unless given",
  },
  "key-file": { type: "string", value: "FILE", help: "The key file that opens the seed" },
} as const satisfies Flags;

export interface SeedFlags {
  readonly seed?: string;
  readonly "passphrase-file"?: string;
  readonly "key-file"?: string;
}

const MAX_PASSPHRASE = 4096;
const MAX_KEY_FILE = 131_072;
const SYSTEM_DIRECTORY = "/etc/keyward";

/** Where seed and ledger lie when nobody says it. */
export function seedDirectory(world: Pick<World, "env" | "home">, root = process.getuid?.() === 0): string {
  return root ? SYSTEM_DIRECTORY : configurationOf(world);
}

/** The seed's file. */
export function seedFile(flags: Pick<SeedFlags, "seed">, world: Pick<World, "env" | "home" | "cwd">): string {
  const named = flags.seed ?? variable(world.env, "KEYWARD_SEED");
  return named === undefined ? path.join(seedDirectory(world), "seed") : path.resolve(world.cwd, named);
}

export async function findSeed(
  flags: Pick<SeedFlags, "seed">,
  world: Pick<World, "env" | "home" | "cwd">,
): Promise<SeedPlace> {
  const { createSeedFile } = await import("../adapters/seed-file/seed-file.ts");
  return createSeedFile(seedFile(flags, world));
}

/**
 * Open the seed. The caller disposes of it.
 *
 * @throws KeywardError `not-found`, `usage`, `wrong-key`, `integrity`, `malformed`, `local`
 */
export async function openSeed(flags: SeedFlags, world: World): Promise<MachineSeed> {
  const { openMachineSeed } = await import("../seed/seed.ts");
  return await openMachineSeed(await findSeed(flags, world), openersOf(flags, world));
}

/** Nothing is read before the envelope says what opens it. */
export function openersOf(flags: SeedFlags, world: World): Openers {
  const keyFile = flags["key-file"] ?? variable(world.env, "KEYWARD_SEED_KEY_FILE");
  return {
    passphrase: () => readPassphrase(flags["passphrase-file"], world),
    ...(keyFile === undefined ? {} : { keyFile: async () => readKeyFile(path.resolve(world.cwd, keyFile)) }),
  };
}

async function readPassphrase(file: string | undefined, world: World): Promise<Secret> {
  const named = file ?? variable(world.env, "KEYWARD_SEED_PASSPHRASE_FILE");
  if (named === undefined) return await world.askSecret("passphrase of the seed: ");
  if (named !== "-") return readPrivate(path.resolve(world.cwd, named), "passphrase file");
  return await readSecret(world, "-", { what: "passphrase", limit: MAX_PASSPHRASE, chomp: true });
}

function readKeyFile(file: string): Secret {
  return Secret.take(readOwn(file, "key file", MAX_KEY_FILE));
}
