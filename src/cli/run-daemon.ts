/** The daemon, started with what was typed, the environment and the keys that are found. */
import path from "node:path";
import { KeywardError } from "../base/errors.ts";
import { Secret } from "../base/secret.ts";
import { systemClock } from "../base/time.ts";
import { createKeyService } from "../command/key-service.ts";
import { readBytes } from "../command/read-file.ts";
import { present } from "../command/read-flags.ts";
import { aborted } from "../command/until-aborted.ts";
import type { World } from "../command/world.ts";
import { secretarySettings, type TypedSettings } from "../configuration/settings.ts";
import { systemRandom } from "../crypto/random.ts";
import { type DaemonOptions, startDaemon } from "../server/daemon.ts";
import { createLog } from "../server/log.ts";

/** What was typed; absent or empty where nothing was. */
export interface TypedDaemon extends TypedSettings {
  readonly tlsCertFile?: string | undefined;
  readonly tlsKeyFile?: string | undefined;
  readonly ip?: string | undefined;
  readonly port?: string | undefined;
}

const DEFAULT_IP = "0.0.0.0";
const DEFAULT_PORT = "5070";
const DEFAULT_MARATHON = "http://marathon.mesos:8080";
const DEFAULT_MESOS = "http://leader.mesos:5050";

/** Until the signal. @throws KeywardError `usage`, `not-found`, `malformed`, `local` */
export async function runDaemon(typed: TypedDaemon, world: World): Promise<void> {
  const kms = createKeyService(world);
  try {
    // everything is read before a port is opened
    const daemon = await startDaemon({
      ...secretarySettings({ ...typed, ...upstreamsOf(typed, world) }, world, kms),
      ...present({ tls: tlsOf(typed, world) }),
      host: typed.ip || DEFAULT_IP,
      port: portOf(typed.port || DEFAULT_PORT),
      clock: systemClock,
      random: systemRandom,
      log: createLog(),
    });
    await aborted(world.interrupted);
    await daemon.stop();
  } finally {
    kms.close();
  }
}

function upstreamsOf({ marathonUrl, mesosUrl }: TypedDaemon, { env }: World) {
  return {
    marathonUrl: marathonUrl || env.MARATHON_URL || DEFAULT_MARATHON,
    mesosUrl: mesosUrl || env.MESOS_LEADER_URL || DEFAULT_MESOS,
  };
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
