/** Which keys each of Secretary's commands looks for, and where. */
import { KeywardError } from "../base/errors.ts";
import {
  deriveBoxKey,
  type PrivateKey,
  type PublicKey,
  parsePrivateKey,
  parsePublicKey,
} from "../formats/secretary/keys.ts";
import type { LayerKeys } from "../formats/secretary/layers.ts";
import { findKey, type KeyWorld } from "./find-key.ts";

/** What was typed; empty where nothing was. */
export interface TypedKeys {
  readonly publicKey: string;
  /** The one setting of `--private-key` and `--deploy-key`. */
  readonly privateKey: string;
  readonly masterKey: string;
  readonly configKey: string;
  readonly serviceKey: string;
}

export const noKeys: TypedKeys = {
  publicKey: "",
  privateKey: "",
  masterKey: "",
  configKey: "",
  serviceKey: "",
};

/** The original's message names another role than the key has. */
export function keysToEncrypt(typed: TypedKeys, world: KeyWorld): { to: PublicKey; from: PrivateKey } {
  const to = findKey(
    { typed: typed.publicKey, after: ["PUBLIC_KEY", "./keys/master-public-key.pem"], secret: false },
    parsePublicKey,
    world,
  );
  if (to === null) throw missing("config public");
  const from = findKey(
    { typed: typed.privateKey, after: ["PRIVATE_KEY", "./keys/config-private-key.pem"], secret: true },
    parsePrivateKey,
    world,
  );
  if (from === null) throw missing("deploy private");
  return { to, from };
}

/** Looked for before any input is read. */
export function keysForDaemon(typed: TypedKeys, world: KeyWorld): LayerKeys {
  const deploy = findKey(
    {
      typed: typed.privateKey,
      after: ["DEPLOY_PRIVATE_KEY", "./keys/master-private-key.pem"],
      secret: true,
    },
    parsePrivateKey,
    world,
  );
  if (deploy === null) throw missing("deploy private");
  const master = findKey(
    { typed: typed.masterKey, after: ["MASTER_PUBLIC_KEY", "./keys/master-public-key.pem"], secret: false },
    parsePublicKey,
    world,
  );
  if (master === null) throw missing("master public");
  const service = findKey(
    { typed: typed.serviceKey, after: ["SERVICE_PRIVATE_KEY"], secret: true },
    parsePrivateKey,
    world,
  );
  return {
    deploy: deriveBoxKey(deploy, master),
    ...(service === null ? {} : { service: deriveBoxKey(service, master) }),
  };
}

/** Both may be missing: text without envelopes passes all the same. */
export function keysToOpen(
  typed: TypedKeys,
  world: KeyWorld,
): { master: PrivateKey | null; config: PublicKey | null } {
  // The original looks for its own words "deploy private" and "config public" first.
  const master = findKey(
    {
      before: ["deploy private"],
      typed: typed.privateKey,
      after: ["DEPLOY_PRIVATE_KEY", "./keys/master-private-key.pem"],
      secret: true,
    },
    parsePrivateKey,
    world,
  );
  const config = findKey(
    {
      before: ["config public"],
      typed: typed.configKey,
      after: ["CONFIG_PUBLIC_KEY", "./keys/config-public-key.pem"],
      secret: false,
    },
    parsePublicKey,
    world,
  );
  return { master, config };
}

function missing(role: string): KeywardError {
  return new KeywardError("not-found", `failed to find a ${role} key`);
}
