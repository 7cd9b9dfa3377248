/**
 * Reencrypt: a volume to another volume key, for when its key, or a copy of its header, is in other hands: they open
 * what the volume was, and not what it becomes. The key that opens it stays the same. Every other slot goes, the
 * recovery key's among them, since it opens the copy too.
 *
 *     1  a copy of the header, sealed under the key
 *     2  cryptsetup goes through the volume; cut off, the same call goes on
 *     3  what the header says now is looked at: another volume key, this key's slot alone
 *     4  a copy of the header, in place of all before
 */
import type { Luks } from "../adapters/luks/luks.ts";
import { KeywardError } from "../base/errors.ts";
import type { KeyName } from "../model/name.ts";
import type { VolumeKey } from "./host.ts";
import { copySealedHeader, type RotateParts } from "./rotate.ts";

export interface ReencryptParts extends Pick<RotateParts, "random" | "keepHeader"> {
  readonly luks: Luks;
  /** How far it is. */
  readonly says: (progress: string) => void;
  readonly until: AbortSignal;
}

export interface Reencrypted {
  /** It had been begun before. */
  readonly resumed: boolean;
  /** Slots that went. */
  readonly removed: readonly number[];
}

/**
 * @param name - As what it is open; absent: it is closed.
 * @param key - Of the server's keys, one that opens it.
 * @throws KeywardError `wrong-key` when it does not; `conflict` when there is no room; `local` when it was broken off;
 *   `integrity` when the header does not say afterwards what it should.
 */
export async function reencryptVolume(
  parts: ReencryptParts,
  device: string,
  name: string | undefined,
  of: KeyName,
  key: VolumeKey,
): Promise<Reencrypted> {
  const { luks, says, until } = parts;
  const before = await luks.volumeKey(device);
  const slot = await luks.fits(device, key.value);
  if (slot === null)
    throw new KeywardError("wrong-key", `device ${device}: version ${key.version} of ${of} does not open it`);
  const others = (await luks.slots(device)).map(({ number }) => number).filter((one) => one !== slot);
  const resume = before.underWay;
  if (!resume) {
    await luks.assertReencrypts(device);
    await copySealedHeader(parts, device, key);
  }
  await luks.reencrypt(device, key.value, {
    slot,
    ...(name === undefined ? {} : { name }),
    resume,
    says,
    until,
  });
  const after = await luks.volumeKey(device);
  if (after.underWay || (!resume && after.digest === before.digest))
    throw new KeywardError(
      "integrity",
      `device ${device}: its header does not say that the volume key is another one`,
      {
        hint: "say the same again; see: cryptsetup luksDump",
      },
    );
  const fits = await luks.fits(device, key.value);
  if (fits === null)
    throw new KeywardError(
      "integrity",
      `device ${device}: version ${key.version} of ${of} opens it no more`,
      {
        hint: "keep it open, and save what it holds",
      },
    );
  // What an attempt that was cut off at its beginning has left.
  for (const { number } of await luks.slots(device))
    if (number !== fits) await luks.killSlot(device, number, key.value);
  await luks.mark(device, { slot: fits, key: of, version: key.version });
  await copySealedHeader(parts, device, key);
  return { resumed: resume, removed: resume ? [] : others };
}
