/**
 * Which seed a command derives from, and what opens it: flags first, then the environment, then the usual file,
 * `/etc/keyward/seed` for root and `keyward/seed` below the user's configuration for others, then what the machine
 * has instead of a file.
 */
import path from "node:path";
import { Secret } from "../base/secret.ts";
import type { Flags } from "../command/command.ts";
import { configurationOf, variable } from "../command/environment.ts";
import { readOwn, readPrivate } from "../command/read-file.ts";
import { readSecret } from "../command/read-secret.ts";
import type { World } from "../command/world.ts";
import type { SeedPlace } from "../model/seed-place.ts";
import type { MachineSeed, Openers } from "../seed/seed.ts";
import { openPlace, type PlaceText, parsePlace, usualPlace } from "./seed-place.ts";

export const seedFlags = {
  seed: {
    type: "string",
    value: "PLACE",
    help: "Where the seed is: a file (/etc/keyward/seed for root), uefi, systemd-creds, credential:NAME",
  },
  "passphrase-file": {
    type: "string",
    value: "FILE",
    help: "The passphrase that opens the seed, - is stdin; asked for at the terminal unless given",
  },
  "key-file": { type: "string", value: "FILE", help: "The key file that opens the seed" },
} as const satisfies Flags;

/** Of a node that may be known by its seed. */
export const identityFlags = {
  identity: {
    type: "string",
    value: "KIND",
    choices: ["kept", "derived"],
    help: "The node's private key: kept in the state directory (the default), or derived from the seed",
  },
  ...seedFlags,
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

type Asked = Pick<World, "env" | "home" | "cwd">;

function namedPlace(flags: Pick<SeedFlags, "seed">, world: Asked): PlaceText | undefined {
  const named = flags.seed ?? variable(world.env, "KEYWARD_SEED");
  return named === undefined ? undefined : parsePlace(named, world.cwd);
}

/** The seed's file, or where it would be: what belongs to the seed lies beside it. */
export function seedFile(flags: Pick<SeedFlags, "seed">, world: Asked): string {
  const place = namedPlace(flags, world);
  return place?.kind === "file" ? place.file : path.join(seedDirectory(world), "seed");
}

/** @throws KeywardError `usage` */
export async function findSeed(flags: Pick<SeedFlags, "seed">, world: Asked): Promise<SeedPlace> {
  const place = namedPlace(flags, world) ?? (await usualPlace(seedFile(flags, world)));
  return await openPlace(place, world);
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
    machine: async () => (await import("../adapters/smbios/smbios.ts")).machineIdentity(),
  };
}

/** A passphrase that was typed, or came on standard input, is kept for the next time until it is to be forgotten. */
export function askedOnce(openers: Openers): Openers & { forget(): void } {
  let kept: Promise<Secret> | null = null;
  const { passphrase } = openers;
  const forget = (): void => {
    kept?.then((secret) => secret.wipe()).catch(() => {});
    kept = null;
  };
  if (passphrase === undefined) return { ...openers, forget };
  return {
    ...openers,
    forget,
    async passphrase() {
      kept ??= passphrase();
      try {
        return Secret.copy((await kept).reveal());
      } catch (error) {
        forget();
        throw error;
      }
    },
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
