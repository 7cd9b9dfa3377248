/** Node volumes: the volumes of a running agent, and the sockets at which systemd asks for their keys. */
import type { KeySocket } from "../adapters/systemd/key-socket.ts";
import { isKeywardError } from "../base/errors.ts";
import type { DurationMs } from "../base/time.ts";
import { parseVolumeName, type VolumeName } from "../model/volume.ts";
import type { Server } from "./ask-volume.ts";
import type { Deriver } from "./deriver.ts";
import { createHeaders } from "./headers.ts";
import type { HeldVersion } from "./installed.ts";
import { addVolumes, type GrantedVolume } from "./known-volumes.ts";
import { addressesOf, hostKeyOf, type Membership } from "./membership.ts";
import type { Disks, Setup } from "./setup.ts";
import { createVolumeKeeper, type VolumeKeeper } from "./volume-keeper.ts";
import { createVolumeSpares } from "./volume-spares.ts";
import { createVolumes, type Volumes } from "./volumes.ts";
import type { Failure } from "./wanted.ts";

export interface NodeVolumes extends Omit<VolumeKeeper, "known" | "given"> {
  close(): void;
}

interface Parts {
  readonly setup: Setup;
  /** As it is now. */
  readonly membership: () => Membership;
  readonly deriver: Deriver;
  readonly onFailures: (failures: readonly Failure[]) => void;
  readonly onWithdrawn: (held: readonly HeldVersion[]) => void;
}

/** systemd asks once for each start of its unit, and waits: so does the key. */
const SOCKET_BUDGET = 3_600_000 as DurationMs;
/** A server that does not answer must not hold up one that would. */
const TIMEOUT_MS = 5000;

/** An agent that touches no volume: that there are some is kept, for the commands beside it. */
function untouched({ state }: Setup): NodeVolumes {
  return {
    start() {},
    want: (given = []) => addVolumes(state, given as unknown as readonly GrantedVolume[]),
    confirm() {},
    freeze() {},
    settled: async () => {},
    close() {},
  };
}

export function createNodeVolumes(parts: Parts): NodeVolumes {
  const { setup, membership, deriver } = parts;
  const { clock, random, wait, log, disks } = setup.parts;
  if (disks === undefined) return untouched(setup);
  const over = new AbortController();
  const signal = AbortSignal.any([setup.signal, over.signal]);
  const { node } = membership();
  const { host } = setup.parts;
  const spares = createVolumeSpares({
    ...{ stateDirectory: setup.state.path, node, clock, random, log },
    host: () => hostKeyOf(membership().key, host.machineId()),
  });
  const volumes: Volumes = createVolumes({
    ...{ clock, random, wait, log, deriver, node, spares },
    host: disks.host,
    servers: () => serversOf(setup, membership()),
    known: () => keeper.known(),
    headers: createHeaders(setup.state.path, random),
  });
  const keeper: VolumeKeeper = createVolumeKeeper({
    ...{ state: setup.state, volumes, spares, wait, random, log, signal },
    host: disks.host,
    isSystemds: (name) => disks.sockets.has(name) || disks.isSystemds(name),
    onFailures: parts.onFailures,
    onWithdrawn: parts.onWithdrawn,
  });
  const sockets = openSockets(disks, volumes, setup, keeper.given, signal);
  return {
    ...keeper,
    close() {
      over.abort();
      void sockets.then((open) => Promise.all(open.map((socket) => socket.close())));
    },
  };
}

/** A connection for each call: with the certificate of now, and none that is open when it is renewed. */
function serversOf({ parts }: Setup, membership: Membership): Server[] {
  const { ca, certificate, key } = membership;
  return addressesOf(membership).map((address) => ({
    address,
    async call(operation, request) {
      const api = parts.connect({ address, ca, cert: certificate, key, timeoutMs: TIMEOUT_MS });
      try {
        return await api.call(operation, request);
      } finally {
        await api.close();
      }
    },
  }));
}

async function openSockets(
  disks: Disks,
  volumes: Volumes,
  { parts }: Setup,
  given: (name: VolumeName) => void,
  until: AbortSignal,
): Promise<KeySocket[]> {
  const { log } = parts;
  const open: KeySocket[] = [];
  for (const [text, fd] of disks.sockets) {
    try {
      const name = parseVolumeName(text);
      const answer = async (signal: AbortSignal) => {
        log.info({ volume: name }, "systemd asks for the key");
        try {
          const { key, version } = await volumes.keyFor(
            name,
            SOCKET_BUDGET,
            AbortSignal.any([signal, until]),
          );
          log.info({ volume: name, version }, "systemd has the key");
          given(name);
          return key;
        } catch (error) {
          if (!isKeywardError(error)) throw error;
          log.error({ volume: name, code: error.code, reason: error.message }, "no key for systemd");
          return null;
        }
      };
      open.push(await disks.listen({ at: { fd }, answer }));
    } catch (error) {
      if (!isKeywardError(error)) throw error;
      log.error({ socket: text, reason: error.message }, "no socket for systemd");
    }
  }
  return open;
}
