/**
 * Enrolment: how a machine becomes a node. It makes its own key and asks for a certificate, with a join token
 * or without; without, it waits until someone approves its key by fingerprint.
 *
 * Whether a request is good is decided twice: first to see if a certificate is worth signing, then, with that
 * in hand, in the transaction that records it. Only the second decision counts.
 */
import type { Caller, Journal } from "../audit/audit.ts";
import { createFloodgate, createFloodgates } from "../audit/floodgate.ts";
import { KeywardError } from "../base/errors.ts";
import { canonicalJson } from "../base/json.ts";
import type { Clock } from "../base/time.ts";
import { type CertificateRequest, parseRequest } from "../formats/x509/x509.ts";
import { flatten } from "../model/facts.ts";
import { type NodeName, parseNodeName } from "../model/name.ts";
import { type AttributeTree, type Node, noAttributes } from "../model/node.ts";
import { nodes } from "../records/records.ts";
import type { Store, Transaction } from "../store/store.ts";
import { again, CHANGED } from "./attempts.ts";
import type { CaKeeper } from "./ca.ts";
import { type Decision, decide } from "./decision.ts";
import { nodeCertificates } from "./issued.ts";
import { isGood, type JoinTokenRow, joinTokens, parseJoinToken } from "./join-token.ts";
import type { KnownNodes } from "./known-nodes.ts";
import type { DraftCertificate, Drafted } from "./node-certificates.ts";
import type { Refuse } from "./refusals.ts";

export interface EnrolRequest {
  /** PEM. */
  readonly csr: string;
  /** The name asked for; by default the request's common name. A token that is bound to a name decides instead. */
  readonly name?: string;
  readonly token?: string;
  /** What the node says of itself: attributes of origin `reported`. 65,536 characters of JSON. */
  readonly facts?: AttributeTree;
}

/** The answer of `agent.enrol`. */
export type EnrolAnswer =
  | { readonly kind: "issued"; readonly node: NodeName; readonly certificate: string; readonly ca: string[] }
  | { readonly kind: "pending"; readonly node: NodeName; readonly fingerprint: string };

export interface Enrolment {
  /**
   * @param from - The network address, for events.
   * @throws KeywardError `malformed`, `usage`, `too-large` for a bad request; `denied`; `rate-limited` when too many
   *   wait for approval; `sealed`, `uninitialised`.
   */
  enrol(request: EnrolRequest, from?: string): Promise<EnrolAnswer>;
  /** @throws KeywardError `not-found`; `conflict` unless it is pending with exactly this key. */
  approve(caller: Caller, name: string, fingerprint: string): Promise<Node>;
}

export interface EnrolmentNeeds {
  readonly journal: Journal;
  readonly store: Store;
  readonly ca: CaKeeper;
  readonly known: KnownNodes;
  readonly clock: Clock;
  readonly refuse: Refuse;
  readonly draft: DraftCertificate;
  /** Nodes that wait for approval, at most. */
  readonly maxPending: number;
  /** Requests that are written down to wait, each minute. */
  readonly waitsPerMinute: number;
}

const MAX_FACTS = 65_536;
/** Certificates that one node is given because it has the key already: whoever has its request may send it again. */
const REPEATS_PER_MINUTE = 10;

/** What a request comes to, once it is parsed. */
interface Asked {
  readonly name: NodeName;
  readonly csr: CertificateRequest;
  readonly token: { readonly id: string; readonly hash: string } | null;
  readonly facts: AttributeTree | undefined;
  readonly from: string | undefined;
}

export function createEnrolment(needs: EnrolmentNeeds): Enrolment {
  const { journal, store, ca, known, clock, refuse, draft, maxPending, waitsPerMinute } = needs;
  const gate = createFloodgate({ clock, perMinute: waitsPerMinute });
  const repeats = createFloodgates({ clock, perMinute: REPEATS_PER_MINUTE });
  const readStore = { get: async (key: string) => (await store.get(key))?.value ?? null } as Transaction;
  const trusted = (): string[] => ca.trusted().map(({ pem }) => pem);

  async function goodToken(tx: Transaction, token: Asked["token"]): Promise<JoinTokenRow | null> {
    const row = token === null ? null : await joinTokens.get(tx, token.id);
    return row !== null && token !== null && isGood(row, token, clock()) ? row : null;
  }

  async function decideIn(tx: Transaction, asked: Asked): Promise<Decision> {
    const token = await goodToken(tx, asked.token);
    const row = await nodes.get(tx, asked.name);
    return decide({ row, token, tokenGiven: asked.token !== null, key: asked.csr.fingerprint });
  }

  async function parse({ csr: pem, name, token, facts }: EnrolRequest, from?: string): Promise<Asked> {
    const csr = parseRequest(pem);
    if (facts !== undefined && canonicalJson(facts).length > MAX_FACTS) {
      throw new KeywardError("too-large", `facts: more than ${MAX_FACTS} characters`);
    }
    if (facts !== undefined) flatten(facts, "reported");
    const given =
      token === undefined ? null : (parseJoinToken(token) ?? { id: "none", hash: "0".repeat(64) });
    const bound = (await goodToken(readStore, given))?.node;
    return { name: bound ?? parseNodeName(name ?? csr.commonName ?? ""), csr, token: given, facts, from };
  }

  /** Write what was decided: the node, its certificate, and that the token is used. */
  async function record(tx: Transaction, asked: Asked, drafted: Drafted): Promise<void> {
    const decision = await decideIn(tx, asked);
    if (decision.kind !== "issue" || decision.generation !== drafted.row.generation) throw CHANGED;
    const { row, token, generation } = decision;
    // Not later than the certificate: one from before the node became known is a former node's.
    const before = row ?? newNode(asked.name, drafted.row.issued);
    const { attested, reported } = before.attributes;
    nodes.put(tx, {
      ...before,
      state: "active",
      identity: { issued: generation, seen: row?.identity?.seen ?? 0, fingerprint: asked.csr.fingerprint },
      attributes: {
        ...before.attributes,
        attested: token?.attributes ?? attested,
        reported: asked.facts ?? reported,
      },
    });
    nodeCertificates.put(tx, drafted.row);
    if (token !== null) joinTokens.delete(tx, token.id);
  }

  async function issue(asked: Asked, decision: Extract<Decision, { kind: "issue" }>): Promise<EnrolAnswer> {
    const drafted = await draft(asked.name, decision.generation, asked.csr.publicKey);
    const act = { by: { kind: "anonymous" }, action: "node:first-contact", resource: asked.name } as const;
    await journal.act(act, async (tx, detail) => {
      await record(tx, asked, drafted);
      const { serial, generation } = drafted.row;
      Object.assign(detail, { how: decision.how, generation, serial, fingerprint: asked.csr.fingerprint });
      if (asked.from !== undefined) detail.from = asked.from;
    });
    return { kind: "issued", node: asked.name, certificate: drafted.pem, ca: trusted() };
  }

  async function wait(asked: Asked): Promise<EnrolAnswer> {
    const { name, csr, from } = asked;
    const waiting = { kind: "pending", node: name, fingerprint: csr.fingerprint } as const;
    const now = known.get(name);
    // It asks again and again: nothing to write, and no event.
    if (now?.state === "pending" && now.identity?.fingerprint === csr.fingerprint) return waiting;
    if (now === undefined && known.pending() >= maxPending) throw tooMany();
    if (gate.pass() === null) throw tooMany();
    const act = { by: { kind: "anonymous" }, action: "node:first-contact", resource: name } as const;
    await journal.act(act, async (tx, detail) => {
      const decision = await decideIn(tx, asked);
      if (decision.kind !== "wait") throw CHANGED;
      const before = decision.row ?? newNode(name, clock());
      const attributes = { ...before.attributes, reported: asked.facts ?? before.attributes.reported };
      nodes.put(tx, {
        ...before,
        attributes,
        identity: { issued: 0, seen: 0, fingerprint: csr.fingerprint },
      });
      Object.assign(detail, { how: "waits for approval", fingerprint: csr.fingerprint });
      if (from !== undefined) detail.from = from;
    });
    return waiting;
  }

  async function enrolOnce(asked: Asked): Promise<EnrolAnswer> {
    const decision = await decideIn(readStore, asked);
    switch (decision.kind) {
      case "issue":
        if (decision.how === "the same key" && repeats.of(asked.name).pass() === null)
          throw tooOften(asked.name);
        return issue(asked, decision);
      case "wait":
        return wait(asked);
      case "refuse": {
        const { reason, hint } = decision;
        const from = asked.from === undefined ? {} : { from: asked.from };
        return refuse({
          by: "anonymous",
          action: "node:first-contact",
          resource: asked.name,
          reason,
          hint,
          ...from,
        });
      }
    }
  }

  return {
    async enrol(request, from) {
      await Promise.all([known.ready, ca.ready]);
      const asked = await parse(request, from);
      return again(() => enrolOnce(asked));
    },

    async approve(caller, text, fingerprint) {
      const name = parseNodeName(text);
      return journal.act({ ...caller, action: "node:enrol", resource: name }, async (tx, detail) => {
        const row = await nodes.get(tx, name);
        assertWaiting(row, name, fingerprint);
        const node: Node = { ...row, state: "active" };
        nodes.put(tx, node);
        detail.fingerprint = fingerprint;
        return node;
      });
    },
  };
}

function newNode(name: NodeName, created: Node["created"]): Node {
  return { name, state: "pending", created, attributes: noAttributes };
}

/** @throws KeywardError `not-found`, `conflict` */
function assertWaiting(row: Node | null, name: NodeName, fingerprint: string): asserts row is Node {
  const refuse = (why: string, hint: string): KeywardError =>
    new KeywardError("conflict", `node ${name} ${why}`, { hint });
  if (row === null)
    throw new KeywardError("not-found", `no node ${name}`, { hint: "see: keyward node list" });
  if (row.state !== "pending") throw refuse(`is ${row.state} already`, "see: keyward node show");
  if (row.identity === undefined) throw refuse("has not asked to enrol yet", "start its agent first");
  if (row.identity.fingerprint !== fingerprint) {
    throw refuse("waits with another key", "compare with the fingerprint that its agent shows");
  }
}

function tooOften(name: NodeName): KeywardError {
  return new KeywardError("rate-limited", `node ${name}: was given certificates too often just now`, {
    hint: "wait a minute, then try again",
  });
}

function tooMany(): KeywardError {
  const hint = "approve or remove some: keyward node list --state pending; or use a join token";
  return new KeywardError("rate-limited", "too many nodes wait for approval", { hint });
}
