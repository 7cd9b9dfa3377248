/**
 * Standing membership: who this node is, for a command that asks the server once. With an agent beside it that is what
 * the agent's state says; without one, a certificate that has ended is replaced first, as the agent does at its start.
 */
import { isKeywardError } from "../base/errors.ts";
import type { Membership } from "./membership.ts";
import { peekMembership } from "./peek.ts";
import { type AgentOptions, type AgentParts, joined, rejoined, withSetup } from "./setup.ts";

/** @throws KeywardError `local` when this host is no node; what the server refuses a new certificate with. */
export async function standingMembership(
  options: AgentOptions,
  parts: AgentParts,
  signal: AbortSignal,
): Promise<Membership> {
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
