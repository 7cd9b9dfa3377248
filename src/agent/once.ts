/** Once: ask, apply, report, end. For cron, for images, and for those who want no process that stays. */
import type { Api } from "../api/api.ts";
import type { Core } from "./core.ts";
import { assertAnswer, type Summary, standingOf } from "./engine.ts";
import { csrFor, lifeOf, type Membership, saveMembership } from "./membership.ts";
import { rejoined, type Setup } from "./setup.ts";

export async function runOnce(setup: Setup, core: Core, kept: Membership): Promise<Summary> {
  const { parts, pace } = setup;
  const { engine, reporter, dueHooks } = core;
  let api: Api | null = null;
  try {
    const membership = await rejoined(setup, kept);
    const { address, certificate, key } = membership;
    await pace.turn();
    api = parts.connect({ address, ca: core.ca(), cert: certificate, key });
    const body = { held: [...(await engine.held())] };
    const summary = await engine.receive(assertAnswer(await api.call("agent.bundle", { body })), true);
    const failures = [...summary.failures, ...(await dueHooks.settled())];
    await engine.settleDrift();
    await core.volumes.settled();
    await reporter.send(api);
    await renewIfDue(setup, api, membership);
    return { ...summary, failures };
  } catch (error) {
    await withoutServer(core, error);
    await Promise.all([dueHooks.settled(), core.volumes.settled()]);
    throw error;
  } finally {
    core.close();
    await api?.close();
  }
}

/** The connection ends right after: nothing is asked with the old certificate once there is a new one. */
async function renewIfDue(setup: Setup, api: Api, membership: Membership): Promise<void> {
  const { parts, pace, state, identity } = setup;
  const { certificate, node } = membership;
  if (parts.clock() < lifeOf(certificate).renew && !(await identity.isTurned(certificate))) return;
  await pace.turn();
  const key = await identity.key();
  const renewed = await api.call("agent.renew", { body: { csr: csrFor(key, node) } });
  const { certificate: next, ca } = renewed;
  saveMembership(state, { ...membership, key, keepsKey: identity.kept, certificate: next, ca });
}

async function withoutServer({ engine, volumes }: Core, error: unknown): Promise<void> {
  const standing = standingOf(error);
  if (standing === "revoked") await engine.withdrawAll();
  else if (standing === "frozen") volumes.freeze();
  else if (standing === null) {
    volumes.start();
    await engine.goOffline();
  }
}
