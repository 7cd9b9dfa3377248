/**
 * UEFI: a machine's seed in a variable of its firmware, which outlives every disk. Two variables with a GUID of
 * Keyward's own: `KeywardSeed` is the machine's seed, `KeywardSeedNext` the one that is to follow while the seed is
 * rotated. The old value is never removed before the new one was read back.
 */
import { KeywardError } from "../../base/errors.ts";
import type { SeedPlace, SeedSlot } from "../../model/seed-place.ts";
import type { Efivars } from "./efivars.ts";
import {
  ATTRIBUTES,
  closeToOthers,
  createVariable,
  exists,
  overwriteVariable,
  readVariable,
  removeVariable,
} from "./variable.ts";

/** Names who owns the variables: random, made once for Keyward. */
export const VENDOR_GUID = "c066bac0-e81a-4ded-b6a8-87ec37fd2e6f";

export const variableNames: Readonly<Record<SeedSlot, string>> = {
  current: `KeywardSeed-${VENDOR_GUID}`,
  next: `KeywardSeedNext-${VENDOR_GUID}`,
};

const slots: readonly SeedSlot[] = ["current", "next"];

export function createUefi(efivars: Efivars): SeedPlace {
  const read = (slot: SeedSlot): Uint8Array | null => {
    efivars.assertThere();
    const found = readVariable(efivars, variableNames[slot]);
    return found?.kind === "variable" ? found.payload : null;
  };

  return {
    kind: "uefi",
    name: `the UEFI variable ${variableNames.current}`,
    read: async (slot) => read(slot),

    async create(envelope) {
      efivars.assertThere();
      await createVariable(efivars, variableNames.current, envelope);
    },

    async stage(envelope) {
      if (read("current") === null)
        throw new KeywardError("not-found", `UEFI variable ${variableNames.current}: there is none`, {
          hint: "make a seed first: keyward seed install --uefi",
        });
      const put = read("next") === null ? createVariable : overwriteVariable;
      await put(efivars, variableNames.next, envelope);
    },

    async commit() {
      const staged = read("next");
      if (staged === null)
        throw new KeywardError("not-found", `UEFI variable ${variableNames.next}: no seed is staged`);
      await overwriteVariable(efivars, variableNames.current, staged);
    },

    async erase() {
      efivars.assertThere();
      await removeVariable(efivars, variableNames.next);
    },

    async inspect() {
      efivars.assertThere();
      const name = variableNames.current;
      const warnings = slots.flatMap((slot) => wrongWith(efivars, variableNames[slot]));
      return exists(efivars, name) ? { mode: efivars.mode(name), warnings } : { warnings };
    },

    async protect() {
      efivars.assertThere();
      const wrong: string[] = [];
      for (const name of slots.map((slot) => variableNames[slot])) {
        wrong.push(...wrongWith(efivars, name));
        if (readVariable(efivars, name)?.kind === "ghost") await removeVariable(efivars, name);
        else if (exists(efivars, name) && efivars.mode(name) !== 0o600) await closeToOthers(efivars, name);
      }
      return wrong;
    },
  };
}

function wrongWith(efivars: Efivars, name: string): string[] {
  const found = readVariable(efivars, name);
  if (found === null) return [];
  if (found.kind === "ghost") return [`${name}: is empty: who made it was killed`];
  const wrong: string[] = [];
  const mode = efivars.mode(name);
  if ((mode & 0o077) !== 0)
    wrong.push(
      `${name}: others could read it (mode ${mode.toString(8).padStart(4, "0")}), as after every boot`,
    );
  if (found.attributes !== ATTRIBUTES)
    wrong.push(
      `${name}: has attributes 0x${found.attributes.toString(16)}, not 0x7: something else wrote it`,
    );
  return wrong;
}
