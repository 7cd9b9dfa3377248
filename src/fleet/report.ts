/**
 * Reports: what a node says back. Proofs of what it holds, what it has removed, files that were changed behind
 * its back, what went wrong, and facts about itself. Only a proof is believed, and facts grant nothing.
 */
import type { Act, Caller, Detail, Journal } from "../audit/audit.ts";
import { createFloodgates, type Floodgate } from "../audit/floodgate.ts";
import { KeywardError } from "../base/errors.ts";
import { canonicalJson } from "../base/json.ts";
import type { Clock } from "../base/time.ts";
import { flatten } from "../model/facts.ts";
import type { DeliveryRecord, ShownSeed } from "../model/grant.ts";
import type { VersionNumber } from "../model/key.ts";
import type { KeyName, NodeName } from "../model/name.ts";
import type { AttributeTree } from "../model/node.ts";
import { type DeliveryRow, deliveries, nodes } from "../records/records.ts";
import type { Transact, Transaction } from "../store/store.ts";
import { type HeldVersion, nodeOf, type OpenVersion, refuse } from "./bundle.ts";
import type { Challenges } from "./challenge.ts";
import { type Claim, type ClaimInput, claimsOf, isAbout, isNews, standingOf, verify } from "./claims.ts";
import type { Ledger } from "./ledger.ts";
import type { Roster } from "./roster.ts";

/** As `agent.report` brings it. */
export interface Report {
  /** Base64, of the bundle that the proofs answer. */
  readonly challenge: string;
  readonly proofs: readonly ClaimInput[];
  readonly withdrawn: readonly HeldVersion[];
  readonly drift: readonly Drift[];
  readonly failures: readonly { readonly key: string; readonly path: string; readonly message: string }[];
  readonly facts?: AttributeTree;
}

export interface Drift {
  readonly key: string;
  readonly path: string;
  readonly found: "changed" | "removed";
  readonly repaired: boolean;
}

export interface ReportAnswer {
  /** Versions that the node has proved that it holds. */
  readonly accepted: readonly { readonly key: KeyName; readonly version: VersionNumber }[];
  /** Claims that are not believed: wrong proof, old challenge, or a version that was never sent to this node. */
  readonly refused: readonly { readonly key: string; readonly version: number }[];
}

export interface ReportNeeds {
  readonly journal: Journal;
  readonly transact: Transact;
  readonly openVersion: OpenVersion;
  readonly clock: Clock;
  readonly roster: Roster;
  readonly ledger: Ledger;
  readonly challenges: Challenges;
}

/** What is written and has an event: work on the record, and what the event says of it. */
type Item = (tx: Transaction, detail: Detail) => Promise<void> | void;

/** Drift and failures of one node that have an event of their own, each minute. The rest is counted. */
const OBSERVATIONS_PER_MINUTE = 2000;
/** Bytes of canonical JSON that a node may say about itself. */
const MAX_FACTS = 262_144;
const MAX_MESSAGE = 1000;
/** Characters of it that the record of the delivery keeps. */
const MAX_FAILED = 200;

export function createReports(needs: ReportNeeds) {
  const { journal, transact, roster, ledger, clock } = needs;
  const gates = createFloodgates({ clock, perMinute: OBSERVATIONS_PER_MINUTE });

  return {
    /** See `Fleet.report`. */
    async report(caller: Caller, report: Report): Promise<ReportAnswer> {
      const node = nodeOf(caller);
      const state = roster.nodes.get(node)?.state;
      if (state !== "active") return refuse(journal, caller, node, state);
      const { claims, refused } = claimsOf(needs, node, report);
      const proved = new Set<Claim>();
      const unproved = claims.filter((claim) => isNews(ledger.get(node, claim.key), claim));
      const items: Item[] = [
        ...unproved.map((claim) => proofItem(needs, node, report, claim, proved)),
        ...(refused.length === 0 ? [] : [refusedItem(refused)]),
        ...withdrawals(needs, node, report),
        ...observations(needs, node, report, gates.of(node)),
        ...(await factItems(needs, node, report.facts)),
      ];
      const again = claims.filter((claim) => !unproved.includes(claim));
      await perform(caller, node, items);
      if (again.length > 0) await transact((tx) => verifyAll(needs, tx, node, report, again, proved));
      return answerOf(claims, proved, refused);
    },
  };

  async function perform(caller: Caller, node: NodeName, items: readonly Item[]): Promise<void> {
    if (items.length === 0) return;
    const act: Act = { ...caller, action: "node:report", resource: node };
    await journal.actAll(
      items.map(() => act),
      async (tx, details) => {
        for (const [i, item] of items.entries()) await item(tx, details[i] ?? {});
      },
    );
  }
}

function answerOf(
  claims: readonly Claim[],
  proved: ReadonlySet<Claim>,
  refused: readonly HeldVersion[],
): ReportAnswer {
  const plain = ({ key, version }: Claim) => ({ key, version });
  return {
    accepted: claims.filter((claim) => proved.has(claim)).map(plain),
    refused: [...refused, ...claims.filter((claim) => !proved.has(claim)).map(plain)],
  };
}

/** Those that were proved before: looked at again, without a word in the log. */
async function verifyAll(
  needs: ReportNeeds,
  tx: Transaction,
  node: NodeName,
  report: Report,
  claims: readonly Claim[],
  proved: Set<Claim>,
): Promise<void> {
  for (const claim of claims) {
    if ((await verify(needs, tx, node, report.challenge, claim)) !== null) proved.add(claim);
    else proved.delete(claim);
  }
}

function proofItem(
  needs: ReportNeeds,
  node: NodeName,
  report: Report,
  claim: Claim,
  proved: Set<Claim>,
): Item {
  const { key, version } = claim;
  return async (tx, detail) => {
    const right = await verify(needs, tx, node, report.challenge, claim);
    const row = right === null ? null : await deliveries.get(tx, `${needs.ledger.hashOf(node)}/${key}`);
    const about = row !== null && isAbout(row, version) ? row : null;
    const standing = right?.shown === undefined ? "same" : standingOf(about?.shown, right.shown);
    const wrote = right !== null && about !== null && standing !== "another";
    if (wrote) proved.add(claim);
    else proved.delete(claim);
    if (wrote) deliveries.put(tx, asProved(about, version, right.shown, needs.clock));
    else if (about !== null && right?.shown !== undefined)
      deliveries.put(tx, asOfAnotherSeed(about, right.shown));
    Object.assign(detail, { key, version, [wrote ? "proved" : "refused"]: true });
    if (standing === "next") detail.seed = `generation ${right?.shown?.generation}`;
    if (standing === "another") detail.seed = "another one";
  };
}

function refusedItem(refused: readonly HeldVersion[]): Item {
  const names = refused.map(({ key, version }) => `${key.slice(0, 100)}@${version}`).join(" ");
  return (_tx, detail) => {
    Object.assign(detail, { refused: refused.length, claims: names.slice(0, MAX_MESSAGE) });
  };
}

function withdrawals(needs: ReportNeeds, node: NodeName, { withdrawn }: Report): Item[] {
  return withdrawn.flatMap(({ key, version }): Item[] => {
    const record = needs.ledger.get(node, key as KeyName);
    if (record === undefined || !isAbout(record, version) || record.withdrawn !== undefined) return [];
    return [
      async (tx, detail) => {
        await update(needs, tx, node, record, (row) => ({ ...row, withdrawn: needs.clock() }));
        Object.assign(detail, { key: record.key, version: record.version, withdrawn: true });
      },
    ];
  });
}

/** @returns Whether the record is still about this version. */
async function update(
  { ledger }: ReportNeeds,
  tx: Transaction,
  node: NodeName,
  { key, version }: { readonly key: KeyName; readonly version: VersionNumber },
  change: (row: DeliveryRow) => DeliveryRow,
): Promise<boolean> {
  const row = await deliveries.get(tx, `${ledger.hashOf(node)}/${key}`);
  if (row?.version !== version) return false;
  deliveries.put(tx, change(row));
  return true;
}

/**
 * A node that proves a version after it said that it had removed it holds it after all. Of a volume, what opens it is
 * what was proved last; later versions that it was offered may still come to open it.
 */
function asProved(
  { withdrawn: _, failed: __, offered = [], ...row }: DeliveryRow,
  version: VersionNumber,
  shown: ShownSeed | undefined,
  clock: Clock,
): DeliveryRow {
  const later = offered.filter((one) => one > version);
  return {
    ...row,
    version,
    proved: clock(),
    ...(later.length === 0 ? {} : { offered: later }),
    ...(shown === undefined ? {} : { shown }),
  };
}

/** What was shown first stays: once the seed of then is back, all is well again. */
function asOfAnotherSeed({ proved: _, ...row }: DeliveryRow, { seed }: ShownSeed): DeliveryRow {
  const before = row.shown?.seed;
  const what =
    before === seed
      ? "its seed gives another key than"
      : `its seed, ${seed}, is another one than ${before}, which`;
  return { ...row, failed: `${what} it proved this version with; if that is meant: keyward key rotate` };
}

/** Drift and failures of keys that were sent to this node; what it says of others is none of its business. */
function observations(
  needs: ReportNeeds,
  node: NodeName,
  { drift, failures }: Report,
  gate: Floodgate,
): Item[] {
  const known = ({ key }: { readonly key: string }) => needs.ledger.get(node, key as KeyName);
  const seen: Item[] = drift.filter(known).map(({ key, path, found, repaired }) => (_tx, detail) => {
    Object.assign(detail, { key, path, drift: found, repaired });
  });
  const failed = failures.flatMap(({ key, path, message }): Item[] => {
    const record = known({ key });
    return record === undefined ? [] : [failureItem(needs, node, record, path, message)];
  });
  return [...seen, ...failed].flatMap((item): Item[] => {
    const passed = gate.pass();
    if (passed === null) return [];
    const held = passed.heldBack === 0 ? {} : { heldBack: passed.heldBack };
    return [
      async (tx, detail) => {
        await item(tx, detail);
        Object.assign(detail, held);
      },
    ];
  });
}

/** The record says so until the node proves the version: `plan` shows it as lacking, with this reason. */
function failureItem(
  needs: ReportNeeds,
  node: NodeName,
  record: DeliveryRecord,
  path: string,
  message: string,
): Item {
  return async (tx, detail) => {
    Object.assign(detail, { key: record.key, path, failure: message.slice(0, MAX_MESSAGE) });
    await update(needs, tx, node, record, (row) => ({ ...row, failed: message.slice(0, MAX_FAILED) }));
  };
}

/** @throws KeywardError `too-large` */
async function factItems(
  { transact }: ReportNeeds,
  node: NodeName,
  facts: AttributeTree | undefined,
): Promise<Item[]> {
  if (facts === undefined) return [];
  const text = canonicalJson(facts);
  if (text.length > MAX_FACTS)
    throw new KeywardError("too-large", `facts of ${node}: more than ${MAX_FACTS} bytes`);
  flatten(facts, "reported");
  const known = await transact((tx) => nodes.get(tx, node));
  if (known === null || canonicalJson(known.attributes.reported) === text) return [];
  return [
    async (tx, detail) => {
      const row = await nodes.get(tx, node);
      if (row !== null) nodes.put(tx, { ...row, attributes: { ...row.attributes, reported: facts } });
      detail.facts = Object.keys(facts).length;
    },
  ];
}
