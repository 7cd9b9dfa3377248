/** Node volumes: the volumes of a running agent, and where systemd asks for their keys. */
import type { Server } from "./ask-volume.ts";
import type { Deriver } from "./deriver.ts";
import { createHandOver } from "./hand-over.ts";
import { createHeaders } from "./headers.ts";
import type { HeldVersion } from "./installed.ts";
import { openKeyDesk } from "./key-desk.ts";
import { addVolumes, type GrantedVolume } from "./known-volumes.ts";
import { addressesOf, hostKeyOf, type Membership } from "./membership.ts";
import { answerQuestions } from "./question-desk.ts";
import type { Setup } from "./setup.ts";
import { createVolumeKeeper, type VolumeKeeper } from "./volume-keeper.ts";
import { createVolumeProofs } from "./volume-proofs.ts";
import { createVolumeSpares } from "./volume-spares.ts";
import { createVolumes, type Volumes } from "./volumes.ts";
import type { Failure } from "./wanted.ts";

export interface NodeVolumes extends Omit<VolumeKeeper, "known" | "given" | "opened"> {
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
  const { clock, steady = clock, random, wait, log, disks } = setup.parts;
  if (disks === undefined) return untouched(setup);
  const over = new AbortController();
  const signal = AbortSignal.any([setup.signal, over.signal]);
  const { node } = membership();
  const { host } = setup.parts;
  const spares = createVolumeSpares({
    ...{ stateDirectory: setup.state.path, node, clock, random, log },
    host: () => hostKeyOf(membership().key, host.machineId()),
  });
  const servers = (): Server[] => serversOf(setup, membership());
  const shared = {
    ...{ clock, steady, random, wait, log, deriver, node, spares, servers, signal },
    host: disks.host,
    known: () => keeper.known(),
    headers: createHeaders(setup.state.path, random),
  };
  const volumes: Volumes = createVolumes(shared);
  const proofs = createVolumeProofs({ ...shared, state: setup.state });
  const handOver = createHandOver({
    ...{ ...shared, proofs },
    onOpens: (name, version) => keeper.opened(name, version),
  });
  const keeper: VolumeKeeper = createVolumeKeeper({
    ...{ state: setup.state, volumes, spares, wait, random, log, signal },
    host: disks.host,
    isSystemds: (name) => disks.sockets.has(name) || disks.isSystemds(name),
    onFailures: parts.onFailures,
    onWithdrawn: parts.onWithdrawn,
  });
  const sockets = openKeyDesk({ disks, handOver, given: keeper.given, wait, log, signal });
  const { questions } = disks;
  if (questions !== undefined)
    void answerQuestions({
      ...{ questions, handOver, given: keeper.given, wait, log, signal },
      known: () => keeper.known(),
      isSame: disks.host.luks.isSame,
    });
  return {
    ...keeper,
    start() {
      keeper.start();
      void proofs.send();
    },
    async settled() {
      await handOver.settled();
      await keeper.settled();
    },
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
