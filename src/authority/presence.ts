/**
 * Presence: a node shows its certificate. Each certificate carries a generation, which counts up with each one
 * issued. Once a newer one was shown, an older one means that two machines have the same key: a copy was
 * made, and the node is frozen until someone has looked.
 *
 * When nothing is new, this looks into memory only.
 */
import type { Journal } from "../audit/audit.ts";
import { KeywardError } from "../base/errors.ts";
import type { Clock, UnixMs } from "../base/time.ts";
import type { NodeName } from "../model/name.ts";
import type { Node } from "../model/node.ts";
import { nodes } from "../records/records.ts";
import { BACKDATE } from "./issued.ts";
import type { KnownNode, KnownNodes } from "./known-nodes.ts";
import type { Refuse } from "./refusals.ts";

export interface Shown {
  readonly node: NodeName;
  readonly generation: number;
  /** SHA-256 of the public key's DER, lower-case hex. */
  readonly fingerprint: string;
  /** The certificate's `notBefore`, if it is at hand: tells a former node of this name from the present one. */
  readonly notBefore?: UnixMs;
}

export interface Presence {
  /**
   * To be called for each connection of a node, before anything else is done for it.
   *
   * @throws KeywardError `denied` when it is not active, is a former node of this name, or was just frozen.
   */
  presented(shown: Shown): Promise<void>;
  /**
   * To be called for each request on a connection that was admitted.
   *
   * @throws KeywardError `denied` when it is not active any more; `unauthenticated` when a newer certificate has
   *   been in use for a minute: a node that changes over has closed its old connections by then.
   */
  assertPresent(shown: Shown): void;
}

export interface PresenceNeeds {
  readonly journal: Journal;
  readonly known: KnownNodes;
  readonly clock: Clock;
  readonly refuse: Refuse;
}

const CHANGE_OVER = 60_000;
const OLD_GENERATION = "an old certificate generation was presented: probably cloned";
const OTHER_KEY = "the same certificate generation was presented with another key: probably cloned";

export function createPresence({ journal, known, clock, refuse }: PresenceNeeds): Presence {
  function refuseNode(node: string, reason: string, hint: string): Promise<never> {
    return refuse({ by: `node:${node}`, action: "node:watch", resource: node, reason, hint });
  }

  async function freeze({ node, generation }: Shown, reason: string): Promise<never> {
    const by = { kind: "system", name: "server" } as const;
    await journal.act({ by, action: "node:write", resource: node }, async (tx, detail) => {
      const row = await nodes.get(tx, node);
      Object.assign(detail, { change: "freeze", reason, generation, seen: row?.identity?.seen ?? 0 });
      if (row?.state === "active") nodes.put(tx, frozen(row, reason));
    });
    throw new KeywardError("denied", `node ${node} is frozen: ${reason}`, { hint: FROZEN });
  }

  /** The newest generation yet: remember that it was shown. */
  async function advance(shown: Shown): Promise<void> {
    const { node, generation, fingerprint } = shown;
    const by = { kind: "node", name: node } as const;
    const stale = await journal.act({ by, action: "node:renew", resource: node }, async (tx, detail) => {
      const row = await nodes.get(tx, node);
      if (row?.state !== "active" || row.identity === undefined || generation < row.identity.seen)
        return true;
      detail.generation = generation;
      nodes.put(tx, { ...row, identity: shownIn(row.identity, generation, fingerprint) });
      return false;
    });
    if (stale) await presented(shown);
  }

  async function presented(shown: Shown): Promise<void> {
    const { node, generation, fingerprint, notBefore } = shown;
    await known.ready;
    const now = known.get(node);
    if (now === undefined || isFormer(now, notBefore))
      return refuseNode(node, "is not known any more", ENROL);
    if (now.state !== "active") return refuseNode(node, whyNot(now), hintFor(now));
    const { identity } = now;
    if (identity === undefined) return refuseNode(node, "has not enrolled", ENROL);
    if (generation < identity.seen) return freeze(shown, OLD_GENERATION);
    if (generation >= identity.issued && fingerprint !== identity.fingerprint)
      return freeze(shown, OTHER_KEY);
    if (generation > identity.seen) await advance(shown);
  }

  return {
    presented,
    assertPresent({ node, generation }) {
      const now = known.get(node);
      if (now?.state !== "active") {
        const reason = now === undefined ? "is not known any more" : whyNot(now);
        throw new KeywardError("denied", `node ${node} ${reason}`, {
          hint: now === undefined ? ENROL : hintFor(now),
        });
      }
      if (generation < (now.identity?.seen ?? 0) && clock() - now.seenSince > CHANGE_OVER) {
        throw new KeywardError("unauthenticated", `node ${node}: a newer certificate of it is in use`, {
          hint: "connect again with the newest certificate",
        });
      }
    },
  };
}

const ENROL = "enrol it again with a new join token";
const FROZEN = "find out which machine is the copy; then: keyward node thaw, or revoke";

/**
 * Once it is thawed, the first generation that shows itself counts: the machine that stays may be the one that was
 * put back to an earlier state. If the other one lives on, the two give themselves away again.
 */
function frozen(row: Node, reason: string): Node {
  const { identity, ...rest } = row;
  return { ...rest, state: "frozen", reason, ...(identity && { identity: { ...identity, seen: 0 } }) };
}

/** A store that was restored from a backup may know less than the certificates say. */
function shownIn(identity: NonNullable<Node["identity"]>, generation: number, fingerprint: string) {
  const issued = Math.max(identity.issued, generation);
  return { ...identity, issued, seen: generation, ...(generation === issued && { fingerprint }) };
}

/** Issued before this node became known: to another of the same name, which was removed. A second for rounding. */
function isFormer({ created }: KnownNode, notBefore: UnixMs | undefined): boolean {
  return notBefore !== undefined && notBefore + BACKDATE + 1000 <= created;
}

function whyNot({ state, reason }: KnownNode): string {
  return reason === undefined ? `is ${state}` : `is ${state}: ${reason}`;
}

function hintFor({ state }: KnownNode): string {
  if (state === "frozen") return FROZEN;
  return state === "pending" ? "run: keyward node approve" : "remove the node, then enrol it again";
}
