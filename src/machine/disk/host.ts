/** The host's programs for volumes, and what the agent needs of it for them. */
import { createLuks } from "../../adapters/luks/luks.ts";
import { createLvm } from "../../adapters/lvm/lvm.ts";
import { createMounts } from "../../adapters/mount/mount.ts";
import { activatedSockets, openKeySocket, sortSockets } from "../../adapters/systemd/key-socket.ts";
import { createQuestions } from "../../adapters/systemd/questions.ts";
import { createSystemd } from "../../adapters/systemd/systemd.ts";
import type { CredentialSockets } from "../../agent/credentials.ts";
import type { Disks } from "../../agent/setup.ts";
import type { Environment } from "../../command/environment.ts";
import type { DiskHost } from "../../disk/disk.ts";

export function createDiskHost(): DiskHost {
  return { luks: createLuks(), lvm: createLvm(), mounts: createMounts(), systemd: createSystemd() };
}

/** @param answers - systemd's questions for passphrases, too. */
export function createDisks(env: Environment, { answers }: { readonly answers: boolean }): Disks {
  const host = createDiskHost();
  return {
    host,
    sockets: sortSockets(activatedSockets(env)).volumes,
    listen: openKeySocket,
    isSystemds: host.systemd.hasVolume,
    ...(answers ? { questions: createQuestions() } : {}),
  };
}

export function createCredentialSockets(env: Environment): CredentialSockets {
  return { sockets: sortSockets(activatedSockets(env)).credentials, listen: openKeySocket };
}
