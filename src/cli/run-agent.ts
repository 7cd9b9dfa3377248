/** The agent's parts, put together: apart from the command, so that its help does not load them. */

import { createAccounts } from "../adapters/accounts/accounts.ts";
import { type RunProgram, runProgram } from "../adapters/adapters.ts";
import { createHost } from "../adapters/host/host.ts";
import { type AgentOptions, createAgent } from "../agent/agent.ts";
import { BOOT_CERTIFICATE } from "../agent/boot-certificate.ts";
import type { CredentialSockets } from "../agent/credentials.ts";
import type { SeedSource } from "../agent/deriver.ts";
import { systemWait } from "../agent/pace.ts";
import type { Disks } from "../agent/setup.ts";
import { steadyClock, systemClock } from "../base/time.ts";
import { createClient } from "../client/client.ts";
import { pinServer } from "../client/pin.ts";
import { version } from "../command/release.ts";
import { systemRandom } from "../crypto/random.ts";
import { createLog } from "../server/log.ts";

export interface AgentCommand {
  readonly joining: AgentOptions["joining"];
  readonly once: boolean;
  /** Run what grants want run after a change. */
  readonly hooks: boolean;
  readonly onlyBelow: readonly string[] | undefined;
  readonly signal: AbortSignal;
  readonly directory: string;
  readonly state: string;
  readonly identity: "kept" | "derived";
  /** `undefined`: no volume is touched. */
  readonly disks: Disks | undefined;
  readonly credentials: CredentialSockets;
  /** This machine's seed; `undefined`: nothing is derived. */
  readonly seed: SeedSource | undefined;
}

/** A grant's hook that does not run counts as failed, so that the server hears of it. */
const runNothing: RunProgram = async () => ({
  end: { kind: "not-started", code: "turned off by --no-hooks" },
  output: new Uint8Array(0),
});

/** @returns What `--once` did; `null` when it ran until the signal. */
export async function runAgent(command: AgentCommand) {
  const { joining, once, hooks, onlyBelow, signal, directory, state, identity, disks, credentials, seed } =
    command;
  const agent = createAgent(
    {
      keyDirectory: directory,
      stateDirectory: state,
      onlyBelow,
      identity,
      joining,
      version,
      bootCertificate: BOOT_CERTIFICATE,
    },
    {
      connect: createClient,
      pin: pinServer,
      clock: systemClock,
      steady: steadyClock,
      random: systemRandom,
      wait: systemWait,
      host: createHost(),
      accounts: createAccounts(),
      run: hooks ? runProgram : runNothing,
      credentials,
      ...(disks === undefined ? {} : { disks }),
      ...(seed === undefined ? {} : { seed }),
      log: createLog(),
    },
  );
  if (once) return await agent.once(signal);
  await agent.run(signal);
  return null;
}
