/**
 * Opener: which of several keys opens a volume. The header says whose a slot is; anybody who can write the device can
 * make it say something else, so that is where the search begins and nothing more.
 */
import type { Luks } from "../adapters/luks/luks.ts";
import { KeywardError } from "../base/errors.ts";
import type { Secret } from "../base/secret.ts";
import type { KeyName } from "../model/name.ts";
import type { VolumeKey } from "./host.ts";

export interface Opener<K extends VolumeKey> {
  readonly key: K;
  readonly slot: number;
}

/** @returns The slot that the key opens, `slot` or any; `null` when none. */
export type Attempt = (value: Secret, slot?: number) => Promise<number | null>;

/**
 * First each key at the slot that is said to be its own and is made as ours are, then each at all slots.
 *
 * @param name - The keys' name.
 * @param attempt - How a key is tried; else nothing is opened by it.
 * @throws KeywardError `wrong-key` when none opens it; `not-found`, `integrity`.
 */
export async function findOpener<K extends VolumeKey>(
  luks: Pick<Luks, "tokens" | "slots" | "fits">,
  device: string,
  name: KeyName,
  keys: readonly K[],
  attempt: Attempt = (value, slot) => luks.fits(device, value, slot),
): Promise<Opener<K>> {
  const said = (await luks.tokens(device)).filter(({ key }) => key === name);
  // Slots of ours are cheap to try. One that is not would cost seconds, and maybe more memory than there is.
  const cheap = (await luks.slots(device)).filter(({ kdf }) => kdf === "pbkdf2").map(({ number }) => number);
  for (const key of keys)
    for (const token of said) {
      if (token.version !== key.version || !cheap.includes(token.slot)) continue;
      const slot = await attempt(key.value, token.slot);
      if (slot !== null) return { key, slot };
    }
  for (const key of keys) {
    const slot = await attempt(key.value);
    if (slot !== null) return { key, slot };
  }
  const wrong = said.find(({ version }) => keys.some((key) => key.version === version));
  throw wrong === undefined ? stranger(device, name) : damaged(device, name, wrong);
}

function damaged(device: string, name: KeyName, { version, slot }: { version: number; slot: number }) {
  return new KeywardError(
    "wrong-key",
    `device ${device}: version ${version} of ${name} should open slot ${slot}, and does not`,
    {
      hint: "the slot is damaged, or the disk another node's: keyward disk restore brings the header back",
    },
  );
}

function stranger(device: string, name: KeyName): KeywardError {
  return new KeywardError("wrong-key", `device ${device}: no version of ${name} opens it`, {
    hint: "is it another node's disk? bind it with a key that opens it: keyward disk bind; or use the recovery key",
  });
}
