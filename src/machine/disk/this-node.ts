/** This node: its volumes, for commands that run on it beside its agent, or without one. */
import { existsSync } from "node:fs";
import path from "node:path";
import { createAccounts } from "../../adapters/accounts/accounts.ts";
import { runProgram } from "../../adapters/adapters.ts";
import { createHost } from "../../adapters/host/host.ts";
import type { Server } from "../../agent/ask-volume.ts";
import { BOOT_CERTIFICATE } from "../../agent/boot-certificate.ts";
import { createDeriver, type SeedSource } from "../../agent/deriver.ts";
import { createHeaders } from "../../agent/headers.ts";
import type { KnownVolume } from "../../agent/known-volumes.ts";
import type { AgentLog } from "../../agent/log.ts";
import { addressesOf, hostKeyOf, type Membership } from "../../agent/membership.ts";
import { systemWait } from "../../agent/pace.ts";
import { peekVolumes } from "../../agent/peek.ts";
import type { AgentParts } from "../../agent/setup.ts";
import { standingMembership } from "../../agent/standing-membership.ts";
import { createVolumeSpares } from "../../agent/volume-spares.ts";
import { createVolumes, type Volumes, type VolumesParts } from "../../agent/volumes.ts";
import type { ResponseOf } from "../../api/shapes.ts";
import { isKeywardError, KeywardError } from "../../base/errors.ts";
import { type DurationMs, steadyClock, systemClock } from "../../base/time.ts";
import { createClient } from "../../client/client.ts";
import { pinServer } from "../../client/pin.ts";
import type { Flags } from "../../command/command.ts";
import type { Output } from "../../command/output.ts";
import { version } from "../../command/release.ts";
import type { World } from "../../command/world.ts";
import { systemRandom } from "../../crypto/random.ts";
import type { DiskHost } from "../../disk/disk.ts";
import { parseVolumeName, type VolumeName } from "../../model/volume.ts";
import { identityFlags } from "../open-seed.ts";
import { seedSource } from "../seed-source.ts";
import { createDiskHost } from "./host.ts";

export const DEFAULT_STATE = "/var/lib/keyward-agent";
export const nodeFlags = {
  state: { type: "string", value: "DIR", help: `Where the agent keeps its identity (${DEFAULT_STATE})` },
  ...identityFlags,
} as const satisfies Flags;

export interface NodeFlags {
  readonly state?: string;
  readonly identity?: "kept" | "derived";
  readonly seed?: string;
  readonly "passphrase-file"?: string;
  readonly "key-file"?: string;
}

export interface ThisNode {
  readonly host: DiskHost;
  readonly stateDirectory: string;
  /** Those that it was granted when its agent last heard of it. */
  known(): KnownVolume[];
  /** Asks the server as this node. */
  volumes(): Promise<Volumes>;
  /** What this node should hold, as references. */
  pillar(): Promise<ResponseOf<"agent.pillar">>;
}

export function thisNode(flags: NodeFlags, world: World, out: Pick<Output, "note">): ThisNode {
  const stateDirectory = path.resolve(world.cwd, flags.state ?? DEFAULT_STATE);
  const host = createDiskHost();
  const seed = seedSource(flags, world);
  // No key is put into a directory by these commands: what kind it is of matters not.
  const warn = (fields: Parameters<typeof say>[0], message: string): void => {
    if (fields.directory === undefined) say(fields, message);
  };
  const log = { info: () => {}, warn, error: say };

  function say(fields: Readonly<Record<string, string | number | boolean>>, message: string): void {
    const about = fields.volume === undefined ? "" : `${fields.volume}: `;
    out.note(`${about}${message}${fields.reason === undefined ? "" : `: ${fields.reason}`}`);
  }

  const membershipNow = (): Promise<Membership> =>
    standingMembership(
      {
        keyDirectory: stateDirectory,
        stateDirectory,
        identity: flags.identity ?? "kept",
        joining: {},
        version,
        bootCertificate: BOOT_CERTIFICATE,
      },
      agentParts(seed, log),
      world.interrupted,
    );

  return {
    host,
    stateDirectory,
    known() {
      if (existsSync(stateDirectory)) return peekVolumes(stateDirectory);
      throw new KeywardError("not-found", `no agent has run here: there is no ${stateDirectory}`, {
        hint: "name its directory: --state DIR; or make this machine a node: keyward agent --help",
      });
    },
    async pillar() {
      return await firstAnswer(serversOf(await membershipNow()), (server) => server.call("agent.pillar", {}));
    },
    async volumes() {
      const membership = await membershipNow();
      return volumesOf(membership, {
        ...{ host, seed, log, known: () => peekVolumes(stateDirectory) },
        headers: createHeaders(stateDirectory, systemRandom),
        spares: createVolumeSpares({
          ...{ clock: systemClock, random: systemRandom, log, node: membership.node, stateDirectory },
          host: () => hostKeyOf(membership.key, createHost().machineId()),
        }),
      });
    },
  };
}

/** What an agent has of this host, for a command that is one for a moment. */
export function agentParts(seed: SeedSource, log: AgentLog): AgentParts {
  return {
    connect: createClient,
    pin: pinServer,
    clock: systemClock,
    steady: steadyClock,
    random: systemRandom,
    wait: systemWait,
    host: createHost(),
    accounts: createAccounts(),
    run: runProgram,
    seed,
    log,
  };
}

type OwnParts = Pick<VolumesParts, "host" | "known" | "log" | "headers" | "spares"> & {
  readonly seed: SeedSource;
};

function serversOf(membership: Membership): Server[] {
  const { ca, certificate, key } = membership;
  // A server that hangs must leave time to ask again.
  return addressesOf(membership).map((address) => ({
    ...createClient({ address, ca, cert: certificate, key, timeoutMs: 5000 }),
    address,
  }));
}

/** One after the other, while they are not there. @throws KeywardError of the last. */
async function firstAnswer<T>(servers: readonly Server[], ask: (server: Server) => Promise<T>): Promise<T> {
  const [server, ...others] = servers;
  if (server === undefined) throw new KeywardError("internal", "a node without a server");
  try {
    return await ask(server);
  } catch (error) {
    if (others.length === 0 || !isKeywardError(error) || !absent.some((code) => code === error.code))
      throw error;
    return await firstAnswer(others, ask);
  }
}
const absent = ["unreachable", "timeout", "sealed", "internal"] as const;

export function volumesOf(membership: Membership, { seed, ...parts }: OwnParts): Volumes {
  const servers = serversOf(membership);
  const { node } = membership;
  return createVolumes({
    ...{ clock: systemClock, steady: steadyClock, random: systemRandom, wait: systemWait, node },
    ...parts,
    deriver: createDeriver(seed),
    servers: () => servers,
  });
}

/** Of those that are known here. @throws KeywardError `not-found` */
export function knownVolume(node: Pick<ThisNode, "known">, text: string): KnownVolume {
  const name: VolumeName = parseVolumeName(text);
  const known = node.known();
  const found = known.find(({ delivery }) => delivery.name === name);
  if (found !== undefined) return found;
  const names = known.map(({ delivery }) => delivery.name);
  throw new KeywardError("not-found", `volume ${name}: this node's agent knows of none`, {
    hint:
      names.length > 0
        ? `it knows of ${names.join(", ")}; what is granted since, it hears of by itself: keyward agent`
        : "it hears of its volumes from the server: keyward agent --once",
  });
}

export function noVolumes({ stateDirectory }: Pick<ThisNode, "stateDirectory">): string {
  return `no volumes are granted to this node, as far as its agent has heard (${stateDirectory})`;
}

/** Those named, or all. */
export function chosen(node: Pick<ThisNode, "known">, names: readonly string[]): KnownVolume[] {
  return names.length === 0 ? node.known() : names.map((name) => knownVolume(node, name));
}

export const UNLOCK_BUDGET = 20_000 as DurationMs;
