/**
 * Server: the API over HTTPS, and what it does by itself. It starts in whatever state the store is in (no root key
 * yet, sealed, unsealed) and says so; `stop` finishes what is under way.
 *
 *     https.ts, listener.ts   the socket          dispatch.ts, gate.ts    one way for every call
 *     request.ts              one request         handlers/               an operation each, by noun
 *     identify.ts             who calls           watch.ts                one stream a node
 *     parts.ts, serving.ts    the rooms together  local.ts                the same API without a socket
 *     daemon.ts               Secretary's duties  decrypt.ts, secretary.ts, own-nodes.ts   alone or beside the API
 */
import type { Pusher } from "../delivery/delivery.ts";
import type { SealInput } from "../seal/seal.ts";
import { defaultLimits, type Limits } from "./limits.ts";
import { createListener, type Listener } from "./listener.ts";
import { createMetrics } from "./metrics.ts";
import type { Parts } from "./parts.ts";
import { startSchedule } from "./schedule.ts";
import { createService } from "./serving.ts";
import { createSecretaryService, type SecretarySettings } from "./serving-secretary.ts";
import { createTlsIdentities, type TlsKeep } from "./tls-identity.ts";
import { unsealAtStart } from "./unseal-at-start.ts";
import { createVouchers } from "./vouchers.ts";

export { createLocalApi } from "./local.ts";
export { createLog, type Log } from "./log.ts";
export { createParts, type Parts, type PartsNeeds } from "./parts.ts";
export { createTlsFile } from "./tls-file.ts";

export interface ServerOptions {
  readonly host: string;
  /** 0: any that is free. */
  readonly port: number;
  /** DNS names and addresses that clients use, for the certificate. */
  readonly names: readonly string[];
  readonly keep: TlsKeep;
  readonly limits?: Partial<Limits>;
  /** For requests under way when it stops; 10 s unless given. */
  readonly graceMs?: number;
  readonly heartbeatMs?: number;
  /** Seals to try at the start. */
  readonly unseal?: readonly SealInput[];
  /** Before AWS KMS is asked again when it could not be reached at the start; 5 s unless given. */
  readonly unsealRetryMs?: number;
  /** Answer Secretary's clients with these keys; absent: not at all. */
  readonly secretary?: SecretarySettings;
}

export interface Server {
  readonly host: string;
  readonly port: number;
  readonly connections: number;
  /** Ends the watches, finishes what is under way, and closes the parts. May be called again. */
  stop(): Promise<void>;
}

export const DEFAULT_PORT = 5070;

/**
 * Start serving.
 *
 * @param parts - Closed by `stop`, and when the start fails.
 * @throws KeywardError `local` when the port is taken; `integrity`, `malformed` for what should not be in the store.
 */
export async function startServer(parts: Parts, options: ServerOptions): Promise<Server> {
  try {
    return await start(parts, options);
  } catch (error) {
    await parts.close().catch(() => {});
    throw error;
  }
}

async function start(parts: Parts, options: ServerOptions): Promise<Server> {
  const { rootKey, journal, log } = parts;
  const { graceMs = 10_000, heartbeatMs } = options;
  const stopUnsealing = await unsealAtStart(parts, options.unseal ?? [], options.unsealRetryMs);

  let listener: Listener | null = null;
  let pusher: Pusher | null = null;
  const metrics = createMetrics({
    watchers: () => parts.fleet.status().watching,
    connections: () => listener?.connections ?? 0,
    pushesDown: () => pusher?.down() ?? 0,
    unsealed: () => rootKey.state === "unsealed",
  });
  const service = createService(parts, {
    metrics,
    onRefused: (node) => listener?.dropNode(node),
    ...(heartbeatMs === undefined ? {} : { heartbeatMs }),
  });
  pusher = service.pusher;
  const secretary =
    options.secretary === undefined ? null : createSecretaryService(parts, options.secretary, metrics);
  const identities = createTlsIdentities({ ...parts, ...options });
  listener = createListener({
    ...parts,
    dispatch: service.dispatch,
    metrics,
    vouchers: createVouchers(parts),
    identity: await identities.current(),
    limits: { ...defaultLimits, ...options.limits },
    ...(secretary === null ? {} : { secretary: secretary.respond }),
  });
  const renew = async (): Promise<void> => {
    const next = await identities.next();
    if (next !== null) listener?.setIdentity(next);
  };
  const address = await listener.listen(options.port, options.host);
  const schedule = startSchedule(parts, renew);
  service.pusher.start();
  const endTrust = parts.authority.onTrustChange(() => void renew().catch(failedRenewal));
  parts.onUnseal(renew);
  parts.onUnseal(async () => service.pusher.resume());
  await note(parts, "server:start");
  log.info({ host: address.address, port: address.port, state: rootKey.state }, "serving");

  function failedRenewal(error: unknown): void {
    log.error({ error: String(error) }, "renewal failed");
  }

  async function end(from: Listener): Promise<void> {
    log.info("stopping");
    stopUnsealing();
    schedule.stop();
    await service.pusher.stop();
    endTrust();
    service.close();
    await from.stop(graceMs);
    secretary?.close();
    await note(parts, "server:stop").catch(failedRenewal);
    await parts.close();
    log.info("stopped");
  }

  const listening = listener;
  let ending: Promise<void> | null = null;
  return {
    host: address.address,
    port: address.port,
    get connections() {
      return listening.connections;
    },
    stop() {
      ending ??= end(listening);
      return ending;
    },
  };

  async function note({ version }: Parts, action: "server:start" | "server:stop"): Promise<void> {
    const detail = { version, state: rootKey.state };
    await journal.note({ by: "system:server", action, resource: "server", outcome: "ok", detail });
  }
}
