/** Which Chef server, and who signs. */
import { createPrivateKey, type KeyObject } from "node:crypto";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { KeywardError } from "../../base/errors.ts";
import { systemRandom } from "../../crypto/random.ts";
import type { ChefServer } from "../../model/chef-server.ts";
import { printable } from "../../model/name.ts";
import type { Flags } from "../command.ts";
import { readBytes, readPem } from "../read-file.ts";
import { required } from "../read-flags.ts";
import type { World } from "../world.ts";

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

/** The caller closes it. @throws KeywardError `usage`, `local`, `malformed` */
export async function openChefServer(
  { world }: { readonly world: Pick<World, "cwd" | "clock"> },
  flags: ChefServerWords,
): Promise<ChefServer> {
  const url = required(flags["chef-server"], "chef-server");
  const user = required(flags["chef-user"], "chef-user");
  const file = required(flags["chef-key"], "chef-key");
  const ca = flags["chef-ca"];
  const { createChefServer } = await import("../../adapters/chef-server/chef-server.ts");
  return createChefServer({
    url,
    user,
    key: readKey(path.resolve(world.cwd, file)),
    ...(ca === undefined ? {} : { ca: readPem(path.resolve(world.cwd, ca)) }),
    clock: world.clock,
    random: systemRandom,
    wait: async (ms) => void (await sleep(ms)),
  });
}

function readKey(file: string): KeyObject {
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
