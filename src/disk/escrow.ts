/**
 * Escrow: a recovery key for a volume, made on the node and handed to those who keep its shares. A kill at any step
 * leaves the recovery key of before, or the new one once it was handed over; what else was left in the header, the
 * next call removes.
 *
 *     1  the header says which slot is to get which key
 *     2  the key gets the slot, and is tried
 *     3  its shares are handed over: from now on it is the one that people can bring
 *     4  the slot is marked as for recovery
 *     5  the recovery slots of before go
 *     6  what was said in 1 goes
 */
import type { Luks, SlotIntent } from "../adapters/luks/luks.ts";
import { RECOVERY } from "../adapters/luks/luks.ts";
import { KeywardError } from "../base/errors.ts";
import { Secret } from "../base/secret.ts";
import type { Random } from "../crypto/random.ts";

/** The newest one whose shares are kept elsewhere. */
export interface KeptRecovery {
  /** 0 when there is none. */
  readonly generation: number;
  /** Names the key. */
  readonly id?: string;
  /** Of the volume that it is for. */
  readonly uuid?: string;
  /** Another one is wanted. */
  readonly due?: true;
}

export interface RecoveryKey {
  readonly uuid: string;
  readonly id: string;
  readonly generation: number;
  /** 32 bytes, wiped once it was handed over. */
  readonly value: Secret;
}

export interface EscrowParts {
  readonly luks: Luks;
  readonly random: Random;
  /** 16 hexadecimal digits that name a key and do not give it away. */
  readonly idOf: (key: Secret) => string;
  /** Split it and hand its shares over; when this is done they are kept. */
  readonly handOver: (key: RecoveryKey) => Promise<void>;
}

const KEY_BYTES = 32;

/**
 * @param opener - A key that opens the volume, and its slot.
 * @returns The one that was made; `null` when the one of before serves still.
 * @throws KeywardError what `handOver` throws, and what the disk says: the recovery key of before stays.
 */
export async function escrowVolume(
  parts: EscrowParts,
  device: string,
  opener: { readonly slot: number; readonly value: Secret },
  kept: KeptRecovery,
): Promise<Omit<RecoveryKey, "value"> | null> {
  const { luks, random, idOf, handOver } = parts;
  const uuid = await luks.uuid(device);
  for (const intent of await luks.intents(device)) await cleanUp(luks, device, opener, intent, kept, uuid);
  if (!(await isRecoveryDue({ luks }, device, kept))) return null;
  using value = Secret.take(random(KEY_BYTES));
  const about = { uuid, id: idOf(value), generation: kept.generation + 1 };
  const intent = await luks.intend(device, { generation: about.generation, key: about.id });
  await luks.addKey(device, opener.value, value, intent.slot);
  await assertFits(luks, device, value, intent.slot);
  await handOver({ ...about, value });
  await assertFits(luks, device, value, intent.slot);
  await conclude(luks, device, opener.value, intent);
  return about;
}

/** Is there no slot for the key whose shares are kept, or is another one wanted? @throws as `Luks.uuid` */
export async function isRecoveryDue(
  { luks }: { readonly luks: Pick<Luks, "uuid" | "tokens"> },
  device: string,
  { generation, uuid, due }: KeptRecovery,
): Promise<boolean> {
  if (due === true || generation === 0 || uuid !== (await luks.uuid(device))) return true;
  const tokens = await luks.tokens(device);
  return !tokens.some((one) => one.key === RECOVERY && one.version === generation);
}

/** What a call that was cut off has left: finished if its key was handed over, else taken back. */
async function cleanUp(
  luks: Luks,
  device: string,
  opener: { readonly slot: number; readonly value: Secret },
  intent: SlotIntent,
  kept: KeptRecovery,
  uuid: string,
): Promise<void> {
  const { slot } = intent;
  const isThere = (await luks.slots(device)).some(({ number }) => number === slot);
  const isKept = kept.uuid === uuid && kept.id === intent.key && kept.generation === intent.generation;
  if (isThere && isKept) return await conclude(luks, device, opener.value, intent);
  const isMarked = (await luks.tokens(device)).some((one) => one.slot === slot);
  if (isThere && !isMarked && slot !== opener.slot) await luks.killSlot(device, slot, opener.value);
  await luks.settle(device, intent);
}

async function conclude(luks: Luks, device: string, opener: Secret, intent: SlotIntent): Promise<void> {
  const { slot, generation } = intent;
  const before = (await luks.tokens(device)).filter((one) => one.key === RECOVERY && one.slot !== slot);
  await luks.mark(device, { slot, key: RECOVERY, version: generation });
  for (const old of before) {
    await luks.killSlot(device, old.slot, opener);
    await luks.unmark(device, old.id);
  }
  await luks.settle(device, intent);
}

async function assertFits(luks: Luks, device: string, key: Secret, slot: number): Promise<void> {
  if ((await luks.fits(device, key, slot)) === slot) return;
  throw new KeywardError("integrity", `device ${device}: the recovery key does not open its slot ${slot}`, {
    hint: "the one of before stays; another process may be at it: try again",
  });
}
