/**
 * Boot membership: who this node is before its root file system is there. All that the image has is the node's name,
 * its servers and their CA, and the node's key or what it follows from; with these it enrols anew, at whichever
 * server answers. It does so once a boot: what comes of it is kept in the memory that the state directory lies in.
 */
import { isKeywardError, KeywardError } from "../base/errors.ts";
import type { DurationMs } from "../base/time.ts";
import { fraction } from "../crypto/random.ts";
import { addressesOf, loadServer, type Membership } from "./membership.ts";
import { SPACING_MS } from "./pace.ts";
import { peekState } from "./peek.ts";
import { type AgentOptions, type AgentParts, joined, withSetup } from "./setup.ts";

/** It may pass: no network yet, a server that is not up yet; `busy` also for another volume's enrolling here. */
const passing = ["unreachable", "timeout", "busy", "rate-limited", "sealed", "uninitialised", "internal"];
const BUSY_MS = 200;

/**
 * Each server in its turn, no more than one request a second, until the time is up. Each is asked at least once.
 *
 * @throws KeywardError `local` when the image has no server, or no key; the refusal, or the last failure.
 */
export async function bootMembership(
  options: Omit<AgentOptions, "joining">,
  parts: AgentParts,
  budget: DurationMs,
  signal: AbortSignal,
): Promise<Membership> {
  const { wait, random, log } = parts;
  const clock = parts.steady ?? parts.clock;
  const server = loadServer(peekState(options.stateDirectory));
  const { node: name } = server;
  const addresses = addressesOf(server);
  const end = clock() + budget;
  for (let turn = 0; ; turn++) {
    const address = addresses[turn % addresses.length] ?? server.address;
    const others = addresses.filter((one) => one !== address);
    try {
      const setup = {
        options: { ...options, joining: { address, others, name } },
        parts,
        once: true,
        signal,
      };
      const membership = await withSetup(setup, joined);
      if (membership !== null) return membership;
      throw new KeywardError("timeout", "nobody waits for it any more");
    } catch (error) {
      if (!isKeywardError(error) || signal.aborted || !passing.includes(error.code)) throw error;
      const locked = error.code === "busy";
      const pause = locked ? BUSY_MS : SPACING_MS + fraction(random) * SPACING_MS;
      if (clock() + pause >= end && turn + 1 >= addresses.length) throw error;
      if (!locked) log.warn({ code: error.code, reason: error.message }, "no certificate yet");
      await wait(pause, signal);
    }
  }
}
