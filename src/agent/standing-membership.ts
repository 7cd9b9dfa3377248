/**
 * Standing membership: who this node is, for a command that asks the server once. As a rule that is what the agent's
 * state says, and is only read. A certificate that has ended, with no agent beside the command, is replaced first, as
 * the agent does at its start.
 */
import { isKeywardError } from "../base/errors.ts";
import type { Clock } from "../base/time.ts";
import { handedOver } from "./boot-certificate.ts";
import { lifeOf, loadMembership, type Membership } from "./membership.ts";
import { peekMembership, peekState } from "./peek.ts";
import type { AgentOptions, AgentParts } from "./setup.ts";

/** @throws KeywardError `local` when this host is no node; what the server refuses a new certificate with. */
export async function standingMembership(
  options: AgentOptions,
  parts: AgentParts,
  signal: AbortSignal,
): Promise<Membership> {
  const standing = asItStands(options, parts.clock);
  if (standing !== null) return standing;
  // The rest of an agent is loaded when there is something for it to do.
  const { joined, rejoined, withSetup } = await import("./setup.ts");
  try {
    const membership = await withSetup({ options, parts, once: true, signal }, async (setup) => {
      const known = await joined(setup);
      return known === null ? null : await rejoined(setup, known);
    });
    if (membership !== null) return membership;
  } catch (error) {
    // Nobody renews it now; what is kept for a server's absence may still help.
    if (!["busy", "unreachable", "timeout"].some((code) => isKeywardError(error, code as never))) throw error;
  }
  return await peekMembership(options.stateDirectory, parts.seed);
}

/** @returns `null` unless its own key and a certificate that is good lie there, and no later one from the initramfs. */
function asItStands({ stateDirectory, bootCertificate }: AgentOptions, clock: Clock): Membership | null {
  const known = peeked(stateDirectory);
  if (known === null || known.key === null || clock() >= lifeOf(known.certificate).to) return null;
  if (bootCertificate !== undefined && handedOver(bootCertificate, known) !== null) return null;
  return { ...known, key: known.key, keepsKey: true };
}

/** What is wrong with it, the agent's own way finds, and says. */
function peeked(stateDirectory: string): ReturnType<typeof loadMembership> {
  try {
    return loadMembership(peekState(stateDirectory));
  } catch (error) {
    if (isKeywardError(error)) return null;
    throw error;
  }
}
