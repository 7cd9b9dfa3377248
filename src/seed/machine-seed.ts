/** Machine seed: from the place where a machine's seed lies sealed, to the keys that follow from it. */
import { KeywardError } from "../base/errors.ts";
import { type OpenedSeed, openedSeed } from "../derive/opened.ts";
import type { SeedFacts, SeedPlace } from "../model/seed-place.ts";
import { type Openers, unsealSeed } from "./unseal.ts";

export interface MachineSeed extends Disposable {
  readonly seed: OpenedSeed;
  readonly facts: SeedFacts;
}

/**
 * Open the machine's seed.
 *
 * @param openers - Only what the envelope names is asked for.
 * @throws KeywardError `not-found` when the place is empty; `usage` when what opens it was not given; `wrong-key`,
 *   `integrity`, `malformed`, `local`.
 */
export async function openMachineSeed(place: SeedPlace, openers: Openers): Promise<MachineSeed> {
  const envelope = await place.read("current");
  if (envelope === null) throw noSeed(place);
  return await openEnvelope(envelope, openers);
}

/** @throws KeywardError as `openMachineSeed` */
export async function openEnvelope(envelope: Uint8Array, openers: Openers): Promise<MachineSeed> {
  const { facts, seed: bytes } = await unsealSeed(envelope, openers);
  const seed = openedSeed(facts.scheme, bytes);
  return { seed, facts, [Symbol.dispose]: () => seed[Symbol.dispose]() };
}

export function noSeed({ name }: SeedPlace): KeywardError {
  return new KeywardError("not-found", `${name}: there is no seed`, {
    hint: "make one: keyward seed install",
  });
}
