/** Boot node: this node in its initramfs, where a volume's key is asked for and nothing is kept. */
import path from "node:path";
import { BOOT_CERTIFICATE, handOver } from "../../agent/boot-certificate.ts";
import { bootMembership } from "../../agent/boot-membership.ts";
import { isKeywardError } from "../../base/errors.ts";
import type { Secret } from "../../base/secret.ts";
import { type DurationMs, steadyClock } from "../../base/time.ts";
import { createClient } from "../../client/client.ts";
import type { Output } from "../../command/output.ts";
import { version } from "../../command/release.ts";
import type { World } from "../../command/world.ts";
import { RECOVERY } from "../../disk/disk.ts";
import { encryptedDevice, type VolumeName } from "../../model/volume.ts";
import { seedSource } from "../seed-source.ts";
import { agentParts, knownVolume, type NodeFlags, thisNode, volumesOf } from "./this-node.ts";

export interface BootNode {
  readonly serve: (budget: DurationMs, signal: AbortSignal) => Promise<Secret>;
  readonly fits: (key: Secret) => Promise<boolean>;
  readonly say: (line: string) => void;
}

/** A server that does not answer must not hold up one that would. */
const TIMEOUT_MS = 5000;
const LEAST_MS = 1000;

/** Nothing outlives the boot: neither copies of keys nor of headers are kept. */
const nothing = {
  headers: { has: () => true, of: () => [], keep: () => {} },
  spares: { keep: () => {}, of: () => null, confirm: () => {}, forget: () => {} },
};

export function bootNode(
  flags: NodeFlags,
  world: World,
  out: Output,
  name: VolumeName,
  certificate = BOOT_CERTIFICATE,
): BootNode {
  const { host, stateDirectory, known } = thisNode(flags, world, out);
  const seed = seedSource(flags, world);
  const say = onceEach((line) => out.note(line));
  const told = (fields: Readonly<Record<string, string | number | boolean>>, message: string): void =>
    say(`${name}: ${message}${fields.reason === undefined ? "" : `: ${fields.reason}`}`);
  const log = { info: () => {}, warn: told, error: told };
  const parts = {
    ...agentParts(seed, log),
    connect: (options: Parameters<typeof createClient>[0]) =>
      createClient({ ...options, timeoutMs: TIMEOUT_MS }),
  };

  return {
    say,
    async serve(budget, signal) {
      const end = steadyClock() + budget;
      const membership = await bootMembership(
        {
          ...{ stateDirectory, version, identity: flags.identity ?? "kept" },
          keyDirectory: path.join(path.dirname(certificate), "keys"),
        },
        parts,
        budget,
        signal,
      );
      handOver(certificate, membership);
      const volumes = volumesOf(membership, { host, seed, log, known, ...nothing });
      const left = Math.max(LEAST_MS, end - steadyClock()) as DurationMs;
      return (await volumes.keyFor(name, left, signal)).key;
    },
    async fits(key) {
      try {
        const device = encryptedDevice(knownVolume({ known }, name).delivery);
        const slot = await host.luks.fits(device, key);
        if (slot === null) return false;
        const used = (await host.luks.tokens(device)).find((token) => token.slot === slot);
        // It is known now to those who put it together, and is to be made anew.
        if (used?.key === RECOVERY) await host.luks.mark(device, { slot, key: RECOVERY, version: 0 });
        return true;
      } catch (error) {
        if (!isKeywardError(error)) throw error;
        say(`${name}: ${error.message}`);
        return false;
      }
    },
  };
}

/** What is said again and again is said once: somebody may be typing. */
function onceEach(say: (line: string) => void): (line: string) => void {
  let last = "";
  return (line) => {
    if (line !== last) say(line);
    last = line;
  };
}
