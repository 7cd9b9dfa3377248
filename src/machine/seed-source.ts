/**
 * The machine's seed for a program that goes on: its place is looked for anew each time, because the seed may come
 * or be replaced while the program runs. What is typed or piped in is asked for once.
 */
import type { SeedSource } from "../agent/deriver.ts";
import { isKeywardError } from "../base/errors.ts";
import type { World } from "../command/world.ts";
import { askedOnce, findSeed, openersOf, type SeedFlags } from "./open-seed.ts";

export function seedSource(flags: SeedFlags, world: World): SeedSource {
  const openers = askedOnce(openersOf(flags, world));
  return {
    async look() {
      const { readSeedFacts } = await import("../formats/seed/seed.ts");
      const envelope = await (await findSeed(flags, world)).read("current");
      return envelope === null ? null : readSeedFacts(envelope);
    },
    async open() {
      const { openMachineSeed } = await import("../seed/seed.ts");
      try {
        return await openMachineSeed(await findSeed(flags, world), openers);
      } catch (error) {
        // One that is wrong is asked for again.
        if (isKeywardError(error, "wrong-key")) openers.forget();
        throw error;
      }
    },
  };
}
