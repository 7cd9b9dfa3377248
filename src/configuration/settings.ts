/** What Secretary's duties need, of what was typed, the environment and the keys that are found. */
import { parseUpstreamUrl } from "../adapters/upstream.ts";
import { KeywardError } from "../base/errors.ts";
import { present } from "../command/read-flags.ts";
import type { World } from "../command/world.ts";
import {
  type PrivateKey,
  type PublicKey,
  parsePrivateKey,
  parsePublicKey,
} from "../formats/secretary/keys.ts";
import type { Kms } from "../model/kms.ts";
import type { SecretarySettings } from "../server/serving-secretary.ts";
import { findKey } from "./find-key.ts";
import { findHpkeKeys, type TypedHpkeKeys } from "./hpke-keys.ts";
import { withKmsContext } from "./kms-context.ts";
import { trustedCertificates } from "./trust.ts";

/** What was typed; absent or empty where nothing was. */
export interface TypedSettings extends TypedHpkeKeys {
  /** `none`, as absent: not asked. */
  readonly marathonUrl?: string | undefined;
  readonly mesosUrl?: string | undefined;
  /** Files or variables of config public keys, the newest first. */
  readonly configKeys: readonly string[];
  /** Files or variables of master private keys, the newest first. */
  readonly masterKeys: readonly string[];
  readonly strict: boolean;
  readonly requireTime: boolean;
}

/** @throws KeywardError `usage`, `not-found`, `malformed`, `local` */
export function secretarySettings(typed: TypedSettings, world: World, kms: Kms): SecretarySettings {
  const marathon = upstream(typed.marathonUrl, "Marathon's address");
  const mesos = upstream(typed.mesosUrl, "Mesos' address");
  const isTls = [marathon, mesos].some((url) => url?.protocol === "https:");
  const upstreamCa = isTls ? (trustedCertificates("", world) ?? undefined) : undefined;
  return {
    ...present({ marathon, mesos, upstreamCa, hpke: findHpkeKeys(world, typed) ?? undefined }),
    masters: mastersOf(typed.masterKeys, world),
    configs: configsOf(typed.configKeys, world),
    kms: withKmsContext(kms, world.env),
    strict: typed.strict,
    requireTime: typed.requireTime,
  };
}

function upstream(text: string | undefined, what: string): URL | undefined {
  return text === undefined || text === "" || text === "none" ? undefined : parseUpstreamUrl(text, what);
}

function mastersOf(typed: readonly string[], world: World): PrivateKey[] {
  const after = ["MASTER_PRIVATE_KEY", "./keys/master-private-key.pem"];
  const keys = keysAt(typed, after, true, parsePrivateKey, world);
  if (keys.length > 0) return keys;
  throw new KeywardError("not-found", "failed to find a master private key", {
    hint: "--master-key FILE, MASTER_PRIVATE_KEY, or ./keys/master-private-key.pem",
  });
}

/** May be missing: values of KMS and HPKE open all the same. */
function configsOf(typed: readonly string[], world: World): PublicKey[] {
  const after = ["CONFIG_PUBLIC_KEY", "./keys/config-public-key.pem"];
  return keysAt(typed, after, false, parsePublicKey, world);
}

/** Each that was typed; else the first place that is there. */
function keysAt<K>(
  typed: readonly string[],
  after: readonly string[],
  secret: boolean,
  parse: (text: string, what: string) => K,
  world: World,
): K[] {
  const named = typed.filter((one) => one !== "");
  const found = (named.length === 0 ? [""] : named).map((one) =>
    findKey({ typed: one, after, secret }, parse, world),
  );
  return found.filter((key) => key !== null);
}
