/** The flags of the commands that open sealed values, and the opener that they ask for. */
import { KeywardError } from "../base/errors.ts";
import type { Flags } from "../command/command.ts";
import { variable } from "../command/environment.ts";
import { present } from "../command/read-flags.ts";
import type { World } from "../command/world.ts";
import {
  parseRecipient,
  parseWriterPublicKey,
  type Recipient,
  type WriterPublicKey,
} from "../formats/hpke/keys.ts";
import {
  type PrivateKey,
  type PublicKey,
  parsePrivateKey,
  parsePublicKey,
} from "../formats/secretary/keys.ts";
import { findKey, type ParseKey } from "./find-key.ts";
import { findRecipients, findWriters, hpkeKeys } from "./hpke-keys.ts";
import { keysToOpen, noKeys } from "./keys.ts";
import type { Opener } from "./opener.ts";
import { createDaemonOpener, createLocalOpener } from "./opening.ts";

export const localFlags = {
  environment: {
    type: "string",
    value: "NAME",
    help: "The environment that values are sealed for (KEYWARD_ENVIRONMENT)",
  },
  key: {
    type: "string",
    multiple: true,
    value: "FILE",
    help: "A private key that opens: the environment's, or Secretary's master key",
  },
  writer: {
    type: "string",
    multiple: true,
    value: "FILE",
    help: "A public key to trust: a writer's, or Secretary's config key",
  },
} as const satisfies Flags;

export const openingFlags = {
  ...localFlags,
  "secretary-url": {
    type: "string",
    short: "s",
    value: "ADDRESS",
    help: "Ask this daemon (SECRETARY_URL); an empty one: open here",
  },
  "deploy-key": {
    type: "string",
    value: "FILE",
    help: "Daemon: this deployment's private key (DEPLOY_PRIVATE_KEY)",
  },
  "service-key": {
    type: "string",
    value: "FILE",
    help: "Daemon: this image's private key (SERVICE_PRIVATE_KEY)",
  },
  "master-key": { type: "string", value: "FILE", help: "Daemon: its public key (MASTER_PUBLIC_KEY)" },
  "app-id": { type: "string", value: "ID", help: "Daemon: who asks (MARATHON_APP_ID)" },
  "app-version": { type: "string", value: "TIME", help: "Daemon: of which version (MARATHON_APP_VERSION)" },
  "task-id": { type: "string", value: "ID", help: "Daemon: as which task (MESOS_TASK_ID)" },
  "ca-file": { type: "string", value: "FILE", help: "Daemon: the CA to trust, PEM (SSL_CERT_FILE)" },
} as const satisfies Flags;

export interface LocalFlags {
  readonly environment?: string;
  readonly key?: readonly string[];
  readonly writer?: readonly string[];
}

export interface OpeningFlags extends LocalFlags {
  readonly "secretary-url"?: string;
  readonly "deploy-key"?: string;
  readonly "service-key"?: string;
  readonly "master-key"?: string;
  readonly "app-id"?: string;
  readonly "app-version"?: string;
  readonly "task-id"?: string;
  readonly "ca-file"?: string;
}

/** @param strict - Take no answer of a daemon that is not tied to its request. @throws KeywardError */
export async function openerOf(flags: OpeningFlags, world: World, strict = false): Promise<Opener> {
  const { env } = world;
  const url = flags["secretary-url"] ?? env.SECRETARY_URL ?? "";
  if (url === "") return localOpenerOf(flags, world);
  const keys = {
    ...noKeys,
    privateKey: flags["deploy-key"] ?? "",
    masterKey: flags["master-key"] ?? "",
    serviceKey: flags["service-key"] ?? "",
  };
  const asker = {
    appId: flags["app-id"] ?? env.MARATHON_APP_ID ?? "",
    appVersion: flags["app-version"] ?? env.MARATHON_APP_VERSION ?? "",
    taskId: flags["task-id"] ?? env.MESOS_TASK_ID ?? "",
  };
  return await createDaemonOpener({ url, asker, keys, caFile: flags["ca-file"] ?? "", strict }, world);
}

/** Keys of both kinds are told apart by their form. @throws KeywardError */
export function localOpenerOf(flags: LocalFlags, world: World): Opener {
  const privates = flags.key?.map((one) => typedKey(one, eitherPrivate, true, world));
  const publics = flags.writer?.map((one) => typedKey(one, eitherPublic, false, world));
  const { master, config } = keysToOpen(noKeys, world);
  const masters = privates?.flatMap(({ master: key }) => key ?? []) ?? (master === null ? [] : [master]);
  const configs = publics?.flatMap(({ config: key }) => key ?? []) ?? (config === null ? [] : [config]);
  const recipients = privates?.flatMap(({ recipient }) => recipient ?? []) ?? findRecipients(world);
  const writers = publics?.flatMap(({ writer }) => writer ?? []) ?? findWriters(world);
  const environment = flags.environment ?? variable(world.env, "KEYWARD_ENVIRONMENT");
  const hpke = hpkeKeys(environment, recipients, writers) ?? undefined;
  return createLocalOpener({ masters, configs, ...present({ hpke }) }, world);
}

interface EitherPrivate {
  readonly recipient?: Recipient;
  readonly master?: PrivateKey;
}

interface EitherPublic {
  readonly writer?: WriterPublicKey;
  readonly config?: PublicKey;
}

function typedKey<K>(typed: string, parse: ParseKey<K>, secret: boolean, world: World): K {
  const key = findKey({ typed, after: [], secret }, parse, world);
  if (key === null) throw new KeywardError("usage", "a key flag is empty");
  return key;
}

const eitherPrivate: ParseKey<EitherPrivate> = (text, what) =>
  either<EitherPrivate>(
    () => ({ recipient: parseRecipient(text, what) }),
    () => ({ master: parsePrivateKey(text, what) }),
    `${what}: neither an environment's private key nor Secretary's`,
  );

const eitherPublic: ParseKey<EitherPublic> = (text, what) =>
  either<EitherPublic>(
    () => ({ writer: parseWriterPublicKey(text, what) }),
    () => ({ config: parsePublicKey(text, what) }),
    `${what}: neither a writer's public key nor Secretary's config key`,
  );

function either<K>(first: () => K, second: () => K, wrong: string): K {
  for (const parse of [first, second]) {
    try {
      return parse();
    } catch (error) {
      if (!(error instanceof KeywardError)) throw error;
    }
  }
  throw new KeywardError("malformed", wrong, { hint: "keyward genkeys makes keys and says which is which" });
}
