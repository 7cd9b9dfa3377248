/**
 * Rotate: from the key that opens a volume to the next one. At no step is there no slot that the server can open, and
 * after a kill at any step the same call goes on: what was done is found by trying the keys, not remembered.
 *
 *     1  a copy of the header, sealed under the old key
 *     2  the new key gets a slot, which is tried
 *     3  the server believes the proof: from now on it gives the new key only
 *     4  the slots of earlier versions go
 *     5  a copy of the header with the new key alone; those that hold the old one go
 */
import { copyHeader } from "../adapters/luks/header-copy.ts";
import type { Luks, SlotToken } from "../adapters/luks/luks.ts";
import { KeywardError } from "../base/errors.ts";
import type { Random } from "../crypto/random.ts";
import { sealHeader } from "../formats/header-backup/header-backup.ts";
import type { VersionNumber } from "../model/key.ts";
import type { KeyName } from "../model/name.ts";
import type { VolumeKey } from "./host.ts";

export interface RotateParts {
  readonly luks: Luks;
  readonly random: Random;
  /** Tell the server that this version opens the volume. @returns Whether it believes it. */
  readonly commit: (key: VolumeKey) => Promise<boolean>;
  /** A sealed copy of the header, in place of those of other versions if `only`. */
  readonly keepHeader: (uuid: string, version: VersionNumber, sealed: Uint8Array, only: boolean) => void;
}

export interface Rotated {
  readonly version: VersionNumber;
  /** Slots that were removed. */
  readonly removed: readonly number[];
}

/**
 * @param keys - The first is the one to come to; the others may be what opens it now.
 * @throws KeywardError `wrong-key` when none opens it; `denied` when the server does not believe the new one: then both
 *   open it; `conflict` when all slots are in use.
 */
export async function rotateVolume(
  parts: RotateParts,
  device: string,
  name: KeyName,
  keys: readonly VolumeKey[],
): Promise<Rotated> {
  const { luks, commit } = parts;
  const [next, ...others] = keys;
  if (next === undefined) throw new KeywardError("internal", "a rotation without a key");
  const slot = (await luks.fits(device, next.value)) ?? (await addNext(parts, device, name, next, others));
  if ((await luks.fits(device, next.value, slot)) !== slot)
    throw new KeywardError("integrity", `device ${device}: the new key does not open its slot ${slot}`, {
      hint: "the old one still opens the volume; try again",
    });
  await luks.mark(device, { slot, key: name, version: next.version });
  if (!(await commit(next)))
    throw new KeywardError(
      "denied",
      `device ${device}: the server does not take the proof of version ${next.version}`,
      {
        hint: "both keys open the volume; see: keyward why",
      },
    );
  const removed = await removeOthers(luks, device, name, { slot, next, others });
  await keep(parts, device, next, true);
  return { version: next.version, removed };
}

async function addNext(
  parts: RotateParts,
  device: string,
  key: KeyName,
  next: VolumeKey,
  others: readonly VolumeKey[],
): Promise<number> {
  const { luks } = parts;
  for (const old of others) {
    const slot = await luks.fits(device, old.value);
    if (slot === null) continue;
    // Said before the server stops to give the old key: after that nothing else tells whose slot it is.
    await luks.mark(device, { slot, key, version: old.version });
    await keep(parts, device, old, false);
    return await luks.addKey(device, old.value, next.value);
  }
  throw new KeywardError(
    "wrong-key",
    `device ${device}: no version of ${key} that the server gives opens it`,
    {
      hint: "nothing was changed; is it another node's disk?",
    },
  );
}

async function removeOthers(
  luks: Luks,
  device: string,
  name: KeyName,
  { slot, next, others }: { slot: number; next: VolumeKey; others: readonly VolumeKey[] },
): Promise<number[]> {
  const earlier = ({ key, version, slot: of }: SlotToken): boolean =>
    key === name && version !== next.version && of !== slot;
  const tokens = (await luks.tokens(device)).filter(earlier);
  const gone = new Set(tokens.map((token) => token.slot));
  for (const { value } of others) {
    if (value.equals(next.value)) continue;
    const fits = await luks.fits(device, value);
    if (fits !== null && fits !== slot) gone.add(fits);
  }
  for (const one of gone) await luks.killSlot(device, one, next.value);
  for (const { id } of tokens) await luks.unmark(device, id);
  return [...gone].sort((a, b) => a - b);
}

/** A copy of the header as it is, sealed under a key that opens it. */
export async function copySealedHeader(
  parts: Pick<RotateParts, "luks" | "random" | "keepHeader">,
  device: string,
  key: VolumeKey,
): Promise<void> {
  await keep(parts, device, key, true);
}

async function keep(
  parts: Pick<RotateParts, "luks" | "random" | "keepHeader">,
  device: string,
  { version, value }: VolumeKey,
  only: boolean,
): Promise<void> {
  const { luks, random, keepHeader } = parts;
  const uuid = await luks.uuid(device);
  using header = await copyHeader(luks, device);
  keepHeader(uuid, version, sealHeader({ uuid, version, header }, value, random), only);
}
