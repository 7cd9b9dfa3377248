/** A seed that is to follow: its rotation was begun. */
import { readSeedFacts } from "../../../formats/seed/seed.ts";
import type { SeedPlace } from "../../../model/seed-place.ts";

export interface Staged {
  readonly facts?: { readonly id: string; readonly generation: number };
  readonly line?: string;
  readonly warnings: readonly string[];
}

export async function staged(place: SeedPlace): Promise<Staged> {
  const envelope = await place.read("next");
  if (envelope === null) return { warnings: [] };
  try {
    const { id, generation } = readSeedFacts(envelope);
    return {
      facts: { id, generation },
      line: `seed ${id}, generation ${generation}`,
      warnings: ["a rotation was begun and not finished: keyward seed rotate --resume finishes it"],
    };
  } catch {
    return { warnings: ["what is staged to follow is damaged: keyward seed rotate --roll-back removes it"] };
  }
}
