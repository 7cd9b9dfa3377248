/** Spare answer: the copy of a volume's key that this node keeps, in place of a server's answer. */
import { KeywardError } from "../base/errors.ts";
import { Secret } from "../base/secret.ts";
import type { GrantId } from "../model/grant.ts";
import type { VolumeName } from "../model/volume.ts";
import type { AnsweredKey, VolumeAnswer } from "./ask-volume.ts";
import type { Deriver } from "./deriver.ts";
import type { KnownVolume } from "./known-volumes.ts";
import type { VolumeSpare, VolumeSpares } from "./volume-spares.ts";

export interface SpareParts {
  readonly deriver: Deriver;
  readonly known: () => readonly KnownVolume[];
  readonly spares: VolumeSpares;
}

/** Of a server's answer, the key that opens the volume is kept if its grant lets it be, and else nothing is. */
export function keepSpare(
  spares: VolumeSpares,
  name: VolumeName,
  { from: server, key, grant, delivery: { offline } }: VolumeAnswer,
  { version, value, from }: AnsweredKey,
): void {
  if (server === null) return;
  if (offline === undefined) {
    spares.forget(name);
    return;
  }
  const delivery = { kind: "unlock", name, offline } as const;
  const head = { grant: grant as GrantId, key, version, delivery };
  if (from === undefined) spares.keep({ ...head, value });
  else {
    const { derivation, encoding } = from;
    spares.keep({ ...head, derived: { derivation, encoding }, value: Secret.fromText("") });
  }
}

/** @returns `null` unless what is kept is for what is granted still, as far as this node knows. */
export async function spareAnswer(parts: SpareParts, name: VolumeName): Promise<VolumeAnswer | null> {
  const granted = parts.known().find(({ delivery }) => delivery.name === name);
  const kept = granted?.delivery.offline === undefined ? null : parts.spares.of(name);
  if (granted === undefined || kept === null) return null;
  const { grant, key, delivery } = granted;
  if (kept.grant !== grant || kept.key !== key) {
    kept.value.wipe();
    return null;
  }
  const one = await keyOfSpare(parts, kept);
  return {
    ...{ grant, key, delivery, keys: [one], known: true, from: null },
    [Symbol.dispose]: () => one.value.wipe(),
  };
}

async function keyOfSpare(
  { deriver }: SpareParts,
  { key, version, value, derived }: VolumeSpare,
): Promise<AnsweredKey> {
  if (derived === undefined) return { version, value };
  const [made] = await deriver.make([{ key, version, derived }]);
  if (made === undefined || "error" in made)
    throw made?.error ?? new KeywardError("internal", "nothing was derived");
  return { version, value: made.value, from: made.from };
}
