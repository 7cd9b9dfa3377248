/** Which Chef server, and who signs. */
import { createPrivateKey, type KeyObject } from "node:crypto";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { KeywardError } from "../base/errors.ts";
import type { Flags } from "../command/command.ts";
import { variable } from "../command/environment.ts";
import { readBytes, readPem } from "../command/read-file.ts";
import { present, required } from "../command/read-flags.ts";
import type { World } from "../command/world.ts";
import { systemRandom } from "../crypto/random.ts";
import type { ChefServer } from "../model/chef-server.ts";
import { printable } from "../model/name.ts";

export const chefServerFlags = {
  "chef-server": {
    type: "string",
    value: "URL",
    help: "The Chef server, as https://chef.example.com/organizations/acme",
  },
  "chef-user": { type: "string", value: "NAME", help: "The client or user that signs" },
  "chef-key": { type: "string", value: "FILE", help: "Its private key, PEM" },
  "chef-ca": { type: "string", value: "FILE", help: "CA certificates to trust for the Chef server, PEM" },
} as const satisfies Flags;

export interface ChefServerWords {
  readonly "chef-server"?: string;
  readonly "chef-user"?: string;
  readonly "chef-key"?: string;
  readonly "chef-ca"?: string;
}

const MAX_KEY = 65_536;

/** What the flags say, and where they say nothing, the environment. */
export function chefServerWords(env: World["env"], flags: ChefServerWords): ChefServerWords {
  return present({
    "chef-server": flags["chef-server"] ?? variable(env, "KEYWARD_CHEF_SERVER"),
    "chef-user": flags["chef-user"] ?? variable(env, "KEYWARD_CHEF_USER"),
    "chef-key": flags["chef-key"] ?? variable(env, "KEYWARD_CHEF_KEY"),
    "chef-ca": flags["chef-ca"] ?? variable(env, "KEYWARD_CHEF_CA"),
  });
}

/** The caller closes it. @throws KeywardError `usage`, `local`, `malformed` */
export async function openChefServer(
  { world }: { readonly world: Pick<World, "cwd" | "clock" | "env"> },
  flags: ChefServerWords,
): Promise<ChefServer> {
  const words = chefServerWords(world.env, flags);
  const url = required(words["chef-server"], "chef-server");
  const user = required(words["chef-user"], "chef-user");
  const file = required(words["chef-key"], "chef-key");
  const ca = words["chef-ca"];
  const { createChefServer } = await import("../adapters/chef-server/chef-server.ts");
  return createChefServer({
    url,
    user,
    key: readChefKey(path.resolve(world.cwd, file)),
    ...(ca === undefined ? {} : { ca: readPem(path.resolve(world.cwd, ca)) }),
    clock: world.clock,
    random: systemRandom,
    wait: async (ms) => void (await sleep(ms)),
  });
}

/** @throws KeywardError `local`, `malformed`, `too-large` */
export function readChefKey(file: string): KeyObject {
  const bytes = readBytes(file, "Chef key", MAX_KEY);
  try {
    const key = createPrivateKey(Buffer.from(bytes));
    if (key.asymmetricKeyType === "rsa") return key;
  } catch {
    // said below, without what the library says of it
  } finally {
    bytes.fill(0);
  }
  throw new KeywardError(
    "malformed",
    `Chef key ${printable(file)}: want an RSA private key, PEM, without a passphrase`,
  );
}
