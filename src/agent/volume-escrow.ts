/**
 * Volume escrow: the recovery key that a grant wants, made here with the volume's key at hand. Its shares are sealed to
 * those whom the grant names, and given to the server, which cannot open them; it is kept nowhere else.
 *
 * Format: docs/formats/escrow.md.
 */
import { toBase64 } from "../base/bytes.ts";
import { KeywardError } from "../base/errors.ts";
import type { Secret } from "../base/secret.ts";
import type { Clock } from "../base/time.ts";
import type { Random } from "../crypto/random.ts";
import { openedSeed } from "../derive/opened.ts";
import { type DiskHost, escrowVolume, type RecoveryKey } from "../disk/disk.ts";
import { sealShare } from "../formats/escrow/escrow.ts";
import { parseRecipientPublicKey } from "../formats/hpke/keys.ts";
import { formatShare } from "../formats/seed/seed.ts";
import type { NodeName } from "../model/name.ts";
import {
  type Escrow,
  encryptedDevice,
  type Holder,
  parseHolderName,
  type VolumeName,
} from "../model/volume.ts";
import type { AnsweredKey, VolumeAnswer } from "./ask-volume.ts";
import type { RecoveryState } from "./known-volumes.ts";

export interface VolumeEscrowParts {
  readonly host: DiskHost;
  readonly node: NodeName;
  readonly random: Random;
  readonly clock: Clock;
}

const SCHEME = "keyward-1";

/**
 * @param key - One of the answer's keys that opens the volume.
 * @returns The newest recovery key; `null` when none was made: there are no holders, no server, or it serves still.
 * @throws KeywardError when it could not be made or handed over: the one of before stays.
 */
export async function tendEscrow(
  { host, node, random, clock }: VolumeEscrowParts,
  { delivery, recovery, from: server }: VolumeAnswer,
  { value: opener, from: derived }: AnsweredKey,
): Promise<RecoveryState | null> {
  const { escrow, name } = delivery;
  if (escrow?.holders === undefined || recovery === undefined || server === null) return null;
  const { holders } = escrow;
  if (derived !== undefined)
    throw new KeywardError(
      "denied",
      `volume ${name}: its key is derived here, and the server, which does not have it, names who is to have shares`,
      { hint: `grant it without holders; then: keyward disk escrow ${name} --out PREFIX` },
    );
  const device = encryptedDevice(delivery);
  // Between two volume keys no slot is added; what changes them sees to it afterwards.
  if ((await host.luks.volumeKey(device)).underWay) return null;
  const slot = await host.luks.fits(device, opener);
  if (slot === null)
    throw new KeywardError("wrong-key", `device ${device}: the volume's key does not open it`);
  const made = await escrowVolume(
    {
      ...{ luks: host.luks, random, idOf },
      async handOver(key) {
        const sealed = await sealedShares({ node, name, escrow, holders }, key, random);
        const { uuid, id, generation } = key;
        const body = { name, uuid, id, generation, sealed: sealed.map(toBase64) };
        await server.call("agent.escrow", { body });
      },
    },
    device,
    { slot, value: opener },
    recovery,
  );
  return made === null ? null : { ...made, made: clock() };
}

/** Of a recovery key made by hand, where the grant names holders: it would be replaced at once. */
export function sealedToHolders(name: VolumeName): KeywardError {
  return new KeywardError(
    "conflict",
    `volume ${name}: its grant names who holds shares of its recovery key`,
    {
      hint: `the agent makes them and seals them; to have new ones: keyward disk escrow ${name} --renew`,
    },
  );
}

interface Sealing {
  readonly node: NodeName;
  readonly name: VolumeName;
  readonly escrow: Escrow;
  readonly holders: readonly Holder[];
}

async function sealedShares(
  { node, name, escrow: { threshold, shares: count }, holders }: Sealing,
  { uuid, id, generation, value }: RecoveryKey,
  random: Random,
): Promise<Uint8Array[]> {
  if (holders.length !== count)
    throw new KeywardError(
      "malformed",
      `volume ${name}: its grant names ${holders.length} holders of ${count} shares`,
    );
  const keys = holders.map((one) => parseRecipientPublicKey(one.key, `holder ${parseHolderName(one.name)}`));
  const { splitSeed } = await import("../seed/shares.ts");
  const shares = await splitSeed({ scheme: SCHEME, id, generation }, value, { count, threshold }, random);
  try {
    return shares.map((share, i) => {
      using text = formatShare(share);
      const facts = { node, volume: name, uuid, generation, index: share.index, count, threshold };
      return sealShare(facts, keys[i] ?? new Uint8Array(), text, random);
    });
  } finally {
    for (const { data } of shares) data.wipe();
  }
}

/** As shares name the seed that they give. */
function idOf(key: Secret): string {
  return openedSeed(SCHEME, key).id;
}
