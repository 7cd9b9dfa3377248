/**
 * Claims: what a node says that it holds, and whether that is so. Of a kept value the proof is a keyed digest; of
 * a derived one, whose value is not known here, it is a signature or a code under the key's tag, and what the node
 * shows of its seed is held against what it showed before.
 */
import { fromBase64 } from "../base/bytes.ts";
import { isKeywardError } from "../base/errors.ts";
import type { Clock } from "../base/time.ts";
import { isDerivedProof } from "../formats/derived-proof/derived-proof.ts";
import type { DeliveryRecord, ShownSeed } from "../model/grant.ts";
import { isServed, type VersionNumber } from "../model/key.ts";
import type { KeyName, NodeName } from "../model/name.ts";
import { keys } from "../records/records.ts";
import type { Transaction } from "../store/store.ts";
import type { HeldVersion, OpenVersion } from "./bundle.ts";
import type { Challenges } from "./challenge.ts";
import type { Ledger } from "./ledger.ts";
import { isProof } from "./proof.ts";

/** As a report brings it; `proof`: base64. */
export interface ClaimInput extends HeldVersion {
  readonly proof: string;
  /** Of a derived version. */
  readonly shown?: ShownSeed;
}

export interface Claim {
  readonly key: KeyName;
  readonly version: VersionNumber;
  readonly proof: Uint8Array;
  readonly shown?: ShownSeed;
}

export interface ClaimsNeeds {
  readonly openVersion: OpenVersion;
  readonly clock: Clock;
  readonly ledger: Ledger;
  readonly challenges: Challenges;
}

/** Claims worth checking: about a version that was sent to this node, under a challenge of ours; one a key. */
export function claimsOf(
  { ledger, challenges }: ClaimsNeeds,
  node: NodeName,
  report: { readonly challenge: string; readonly proofs: readonly ClaimInput[] },
): { claims: Claim[]; refused: HeldVersion[] } {
  const claims = new Map<KeyName, Claim>();
  const refused: HeldVersion[] = [];
  const ours = challenges.isOurs(bytesOf(report.challenge));
  for (const { key, version, proof, shown } of report.proofs) {
    const record = ledger.get(node, key as KeyName);
    const bytes = bytesOf(proof);
    if (ours && record !== undefined && isAbout(record, version) && !claims.has(record.key)) {
      const claim = { key: record.key, version: version as VersionNumber, proof: bytes };
      claims.set(record.key, shown === undefined ? claim : { ...claim, shown });
    } else refused.push({ key, version });
  }
  return { claims: [...claims.values()], refused };
}

/** Did this version go to the node? Of a volume several may have, until one is proved. */
export function isAbout({ version, offered = [] }: DeliveryRecord, number: number): boolean {
  return version === number || offered.some((one) => one === number);
}

/** Empty when it is not base64: then it is no challenge and no proof either. */
function bytesOf(text: string): Uint8Array {
  try {
    return fromBase64(text, "report");
  } catch {
    return new Uint8Array();
  }
}

/** Does the record say something else than this claim, if that is right? */
export function isNews(record: DeliveryRecord | undefined, { version, shown }: Claim): boolean {
  const proved = record?.version === version && record.proved !== undefined;
  if (!proved || record.withdrawn !== undefined || record.failed !== undefined) return true;
  return shown !== undefined && standingOf(record.shown, shown) !== "same";
}

/**
 * @param challenge - Base64.
 * @returns What it shows of a seed, if it is of a derived version; `null` when the proof is wrong.
 */
export async function verify(
  { openVersion, clock }: ClaimsNeeds,
  tx: Transaction,
  node: NodeName,
  challenge: string,
  claim: Claim,
): Promise<{ readonly shown?: ShownSeed } | null> {
  const { key, version, proof, shown } = claim;
  const under = bytesOf(challenge);
  const found = (await keys.get(tx, key))?.versions.find(({ number }) => number === version);
  if (found === undefined || !isServed(found, clock())) return null;
  if (found.derived !== undefined) {
    const { kind } = found.derived.derivation.kind;
    const right = shown !== undefined && isDerivedProof(proof, under, kind, { node, key, version, shown });
    return right ? { shown } : null;
  }
  try {
    using value = await openVersion(tx, key, version);
    return isProof(proof, under, { node, key, version }, value) ? {} : null;
  } catch (error) {
    if (isKeywardError(error, "not-found")) return null;
    throw error;
  }
}

/**
 * `first`: nothing was shown before. `next`: of another seed, which the node says follows the one before. `another`:
 * of another seed, and nobody said that it was to be replaced.
 */
export type SeedStanding = "first" | "same" | "next" | "another";

export function standingOf(before: ShownSeed | undefined, now: ShownSeed): SeedStanding {
  if (before === undefined) return "first";
  if (before.tag === now.tag && before.public === now.public) return "same";
  return now.seed !== before.seed && now.generation > before.generation ? "next" : "another";
}
