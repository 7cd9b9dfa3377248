/**
 * Rotation: another seed in a machine's place, and with it another key for each realm of its ledger.
 *
 *     stage          the new seed, sealed as the old one is, one generation on, into the place's `next`
 *     stage-ledger   the ledger that the new seed signs, beside the old one
 *     deliver        each realm's new key to whoever reads it; the old seed is still the machine's own
 *     commit         the new seed becomes current: from here on there is no way back
 *     commit-ledger  so does its ledger
 *     erase          what the place still holds as `next` goes
 *
 * Killed in any step, it goes on when it is started again: what has been staged says which seed is to come, keys
 * follow from it as before, and a delivery may come twice. Until `commit` it can be rolled back, which delivers the
 * old keys again.
 */
import { KeywardError } from "../base/errors.ts";
import { Secret } from "../base/secret.ts";
import type { Clock } from "../base/time.ts";
import type { Random } from "../crypto/random.ts";
import { SEED_BYTES } from "../derive/keyward-1/keyward-1.ts";
import type { LedgerRealm } from "../formats/ledger/ledger.ts";
import { readSeedFacts } from "../formats/seed/seed.ts";
import type { SeedFacts, SeedPlace } from "../model/seed-place.ts";
import { type Handover, handOver } from "./handover.ts";
import { sealLedger } from "./ledger.ts";
import { assertFollows, type LedgerPlace, ledgerId, nextLedger, readOwn } from "./ledger-place.ts";
import { type MachineSeed, noSeed, openEnvelope } from "./machine-seed.ts";
import { type Openers, sealAnew } from "./unseal.ts";

export type RotationStep = "stage" | "stage-ledger" | "deliver" | "commit" | "commit-ledger" | "erase";

export interface RotationParts {
  readonly place: SeedPlace;
  /** `null`: the machine has none, and no key is delivered. */
  readonly ledger: LedgerPlace | null;
  /** Asked for the old seed, and again to seal the new one. */
  readonly openers: Openers;
  /** May be called again with the same key. @throws what stops the rotation, to be resumed. */
  readonly deliver: (handover: Handover) => Promise<void>;
  readonly random: Random;
  readonly clock: Clock;
  /** Told before each step. */
  readonly onStep?: (step: RotationStep, realm?: string) => void;
}

export type RotationState =
  | { readonly kind: "none" }
  /** A seed is staged; keys of it may have been delivered. */
  | { readonly kind: "staged"; readonly next: SeedFacts }
  /** What is staged is damaged, or of no generation that could follow. */
  | { readonly kind: "unusable"; readonly why: string }
  /** The new seed is current; the rest is to be tidied up. */
  | { readonly kind: "committed" };

export interface Rotated {
  readonly did: "rotated" | "resumed" | "tidied";
  readonly facts: SeedFacts;
  /** Realms whose new key was delivered. */
  readonly delivered: readonly string[];
  /** Realms without a delivery: their new key is to be fetched. */
  readonly undelivered: readonly string[];
}

/** Where a rotation stands. Nothing is opened. @throws KeywardError `not-found` without a seed; what reading throws. */
export async function rotationState({
  place,
  ledger,
}: Pick<RotationParts, "place" | "ledger">): Promise<RotationState> {
  const current = await readCurrent(place);
  const staged = await place.read("next");
  if (staged === null) {
    const waits = ledgerId(ledger, "next") === current.id && ledgerId(ledger, "current") !== current.id;
    return waits ? { kind: "committed" } : { kind: "none" };
  }
  let next: SeedFacts;
  try {
    next = readSeedFacts(staged);
  } catch (error) {
    return { kind: "unusable", why: (error as Error).message };
  }
  if (next.generation === current.generation && next.id === current.id) return { kind: "committed" };
  if (next.generation === current.generation + 1) return { kind: "staged", next };
  const why = `generation ${next.generation} does not follow ${current.generation}`;
  return { kind: "unusable", why };
}

/**
 * Rotate, or finish a rotation that was broken off.
 *
 * @throws KeywardError `conflict` when what is staged cannot be used, or a realm's kind is not one that a new seed
 *   gives; what opening, the place, the ledger and `deliver` throw.
 */
export async function rotateSeed(parts: RotationParts): Promise<Rotated> {
  const state = await rotationState(parts);
  switch (state.kind) {
    case "unusable":
      throw new KeywardError("conflict", `${parts.place.name}: what is staged cannot be used: ${state.why}`, {
        hint: "remove it: keyward seed rotate --roll-back",
      });
    case "committed":
      await tidyUp(parts);
      return { did: "tidied", facts: await readCurrent(parts.place), delivered: [], undelivered: [] };
    case "none":
    case "staged": {
      using old = await openSlot(parts, "current");
      const before = await readOwn(parts.ledger, old.seed);
      if (state.kind === "none") {
        await forgetStagedLedger(parts);
        await stage(parts, old.facts, before === null ? [] : before.realms);
      }
      using next = await openSlot(parts, "next");
      const handed = await deliverAll(parts, before, next);
      parts.onStep?.("commit");
      await parts.place.commit();
      await tidyUp(parts);
      return { did: state.kind === "none" ? "rotated" : "resumed", facts: next.facts, ...handed };
    }
  }
}

/**
 * Finish a rotation that was broken off, and begin none.
 *
 * @returns `null` when there was none.
 * @throws KeywardError as `rotateSeed`
 */
export async function resumeRotation(parts: RotationParts): Promise<Rotated | null> {
  const { kind } = await rotationState(parts);
  return kind === "none" ? null : await rotateSeed(parts);
}

/**
 * Back to the old seed, as long as it is current: its keys are delivered again, and what is staged goes.
 *
 * @throws KeywardError `conflict` when nothing is staged, or it is too late; otherwise as `rotateSeed`.
 */
export async function rollBack(parts: RotationParts): Promise<{ readonly delivered: readonly string[] }> {
  const state = await rotationState(parts);
  if (state.kind === "none")
    throw new KeywardError("conflict", `${parts.place.name}: no rotation was begun`, {
      hint: "a rotation that is done has no way back: the old seed is erased",
    });
  if (state.kind === "committed")
    throw new KeywardError("conflict", `${parts.place.name}: the new seed is current already`, {
      hint: "finish the rotation: keyward seed rotate --resume",
    });
  using old = await openSlot(parts, "current");
  const ledger = await readOwn(parts.ledger, old.seed);
  const { delivered } =
    ledger === null ? { delivered: [] } : await handOver(ledger, old.seed, deliverStep(parts));
  await forgetStagedLedger(parts);
  parts.onStep?.("erase");
  await parts.place.erase();
  return { delivered };
}

async function stage(
  parts: RotationParts,
  { generation, opener }: SeedFacts,
  realms: readonly LedgerRealm[],
): Promise<void> {
  // Before anything is written: a ledger that cannot follow stops it here.
  assertFollows(realms);
  using bytes = Secret.take(parts.random(SEED_BYTES));
  const what = { scheme: "keyward-1", generation: generation + 1 } as const;
  const envelope = await sealAnew(what, bytes, opener, parts.openers, parts.random);
  parts.onStep?.("stage");
  await parts.place.stage(envelope);
}

async function deliverAll(
  parts: RotationParts,
  before: Awaited<ReturnType<typeof readOwn>>,
  { seed }: MachineSeed,
): Promise<Pick<Rotated, "delivered" | "undelivered">> {
  if (parts.ledger === null || before === null) return { delivered: [], undelivered: [] };
  const after = nextLedger(before, seed, parts.clock());
  const text = await sealLedger(after, seed);
  parts.onStep?.("stage-ledger");
  parts.ledger.stage(text);
  return await handOver(after, seed, deliverStep(parts));
}

function deliverStep({ deliver, onStep }: RotationParts): RotationParts["deliver"] {
  return async (handover) => {
    onStep?.("deliver", handover.realm.name);
    await deliver(handover);
  };
}

async function tidyUp(parts: RotationParts): Promise<void> {
  const { place, ledger, onStep } = parts;
  const { id } = await readCurrent(place);
  if (ledger !== null && ledgerId(ledger, "next") === id) {
    onStep?.("commit-ledger");
    ledger.commit();
  }
  onStep?.("erase");
  await place.erase();
}

/** What a rotation left whose seed was never staged, or was rolled back. */
async function forgetStagedLedger({ ledger }: RotationParts): Promise<void> {
  ledger?.erase();
}

async function openSlot({ place, openers }: RotationParts, slot: "current" | "next"): Promise<MachineSeed> {
  const envelope = await place.read(slot);
  if (envelope === null) throw noSeed(place);
  return await openEnvelope(envelope, openers);
}

async function readCurrent(place: SeedPlace): Promise<SeedFacts> {
  const envelope = await place.read("current");
  if (envelope === null) throw noSeed(place);
  return readSeedFacts(envelope);
}
