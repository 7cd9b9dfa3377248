/** The daemon, started with what was typed, the environment and the keys that are found. */
import path from "node:path";
import { parseUpstreamUrl } from "../adapters/upstream.ts";
import { KeywardError } from "../base/errors.ts";
import { Secret } from "../base/secret.ts";
import { systemClock } from "../base/time.ts";
import { systemRandom } from "../crypto/random.ts";
import {
  type PrivateKey,
  type PublicKey,
  parsePrivateKey,
  parsePublicKey,
} from "../formats/secretary/keys.ts";
import { type DaemonOptions, startDaemon } from "../server/daemon.ts";
import { createLog } from "../server/log.ts";
import { createKeyService } from "./key-service.ts";
import { readBytes } from "./read-file.ts";
import { present } from "./read-flags.ts";
import { findKey } from "./secretary/find-key.ts";
import { findHpkeKeys, type TypedHpkeKeys } from "./secretary/hpke-keys.ts";
import { trustedCertificates } from "./secretary/trust.ts";
import { aborted } from "./until-aborted.ts";
import type { World } from "./world.ts";

/** What was typed; absent or empty where nothing was. */
export interface TypedDaemon extends TypedHpkeKeys {
  /** `none`: not asked. */
  readonly marathonUrl?: string | undefined;
  readonly mesosUrl?: string | undefined;
  /** Files or variables of config public keys, the newest first. */
  readonly configKeys: readonly string[];
  /** Files or variables of master private keys, the newest first. */
  readonly masterKeys: readonly string[];
  readonly tlsCertFile?: string | undefined;
  readonly tlsKeyFile?: string | undefined;
  readonly ip?: string | undefined;
  readonly port?: string | undefined;
  readonly strict: boolean;
  readonly requireTime: boolean;
}

const DEFAULT_IP = "0.0.0.0";
const DEFAULT_PORT = "5070";
const DEFAULT_MARATHON = "http://marathon.mesos:8080";
const DEFAULT_MESOS = "http://leader.mesos:5050";

/** Until the signal. @throws KeywardError `usage`, `not-found`, `malformed`, `local` */
export async function runDaemon(typed: TypedDaemon, world: World): Promise<void> {
  const { options, close } = daemonOptions(typed, world);
  try {
    const daemon = await startDaemon({ ...options, log: createLog() });
    await aborted(world.interrupted);
    await daemon.stop();
  } finally {
    close();
  }
}

/** Everything is read before a port is opened. */
export function daemonOptions(typed: TypedDaemon, world: World) {
  const { env } = world;
  const marathon = upstream(typed.marathonUrl, env.MARATHON_URL, DEFAULT_MARATHON, "Marathon's address");
  const mesos = upstream(typed.mesosUrl, env.MESOS_LEADER_URL, DEFAULT_MESOS, "Mesos' address");
  const isTls = [marathon, mesos].some((url) => url?.protocol === "https:");
  const upstreamCa = isTls ? (trustedCertificates("", world) ?? undefined) : undefined;
  const kms = createKeyService(world);
  const options: Omit<DaemonOptions, "log"> = {
    ...present({
      marathon,
      mesos,
      upstreamCa,
      tls: tlsOf(typed, world),
      hpke: findHpkeKeys(world, typed) ?? undefined,
    }),
    host: typed.ip || DEFAULT_IP,
    port: portOf(typed.port || DEFAULT_PORT),
    masters: mastersOf(typed.masterKeys, world),
    configs: configsOf(typed.configKeys, world),
    kms,
    strict: typed.strict,
    requireTime: typed.requireTime,
    clock: systemClock,
    random: systemRandom,
  };
  return { options, close: () => kms.close() };
}

function upstream(
  typed: string | undefined,
  named: string | undefined,
  standard: string,
  what: string,
): URL | undefined {
  const text = typed || named || standard;
  return text === "none" ? undefined : parseUpstreamUrl(text, what);
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

/** Both or none: half of it would serve in plain text what was meant to be hidden. */
function tlsOf(typed: TypedDaemon, { env, cwd }: World): DaemonOptions["tls"] | undefined {
  const certificate = typed.tlsCertFile || env.TLS_CERT_FILE || "";
  const key = typed.tlsKeyFile || env.TLS_KEY_FILE || "";
  if (certificate === "" && key === "") return undefined;
  if (certificate === "" || key === "")
    throw new KeywardError(
      "usage",
      `TLS: a ${key === "" ? "certificate without its key" : "key without its certificate"}`,
      {
        hint: "give both --tls-cert-file and --tls-key-file, or neither for plain HTTP",
      },
    );
  const read = (file: string, what: string) => readBytes(path.resolve(cwd, file), what, 1_048_576);
  return {
    certificate: Buffer.from(read(certificate, "TLS certificate file")).toString("latin1"),
    key: Secret.take(read(key, "TLS key file")),
  };
}

function portOf(text: string): number {
  const port = /^[0-9]{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (port <= 65_535) return port;
  throw new KeywardError("usage", "--port: want a number from 0 to 65535");
}
