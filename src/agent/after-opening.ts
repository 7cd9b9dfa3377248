/** After opening: what follows once it is known which version opens a volume: its proof, and copies for a worse day. */
import type { BodyOf } from "../api/shapes.ts";
import { fields, fromBase64, toBase64 } from "../base/bytes.ts";
import { isKeywardError } from "../base/errors.ts";
import type { Secret } from "../base/secret.ts";
import { hmacSha256 } from "../crypto/mac.ts";
import type { Random } from "../crypto/random.ts";
import { copySealedHeader, type DiskHost } from "../disk/disk.ts";
import type { VersionNumber } from "../model/key.ts";
import type { NodeName } from "../model/name.ts";
import { encryptedDevice, type VolumeName } from "../model/volume.ts";
import type { AnsweredKey, VolumeAnswer } from "./ask-volume.ts";
import type { Deriver } from "./deriver.ts";
import type { AgentLog } from "./log.ts";

export type Proof = BodyOf<"agent.report">["proofs"][number];

export interface HeaderKeeper {
  /** Is one kept of this volume under this version of its key? @throws KeywardError `local` */
  has(name: VolumeName, version: VersionNumber): boolean;
  /** All that are kept of a volume. @throws KeywardError `local` */
  of(name: VolumeName): Uint8Array[];
  /** In place of those of other versions of the key, if `only`. @throws KeywardError `local` */
  keep(name: VolumeName, uuid: string, version: VersionNumber, sealed: Uint8Array, only: boolean): void;
}

export interface ProofParts {
  readonly node: NodeName;
  readonly deriver: Deriver;
}

/** That this version opens it, for `agent.report`. @param challenge - Base64, of the answer that brought it. */
export async function proofsOf(
  { node, deriver }: ProofParts,
  challenge: string,
  { key }: Pick<VolumeAnswer, "key">,
  { version, value, from }: AnsweredKey,
): Promise<Proof[]> {
  const under = fromBase64(challenge, "challenge");
  return from === undefined
    ? [{ key, version, proof: toBase64(proofOf(under, node, key, version, value)) }]
    : await deriver.prove(under, node, [{ key, version, from, value }]);
}

function proofOf(under: Uint8Array, node: string, key: string, version: number, value: Secret): Uint8Array {
  const text = fields("keyward/v1/proof", node, key, String(version), value.reveal());
  try {
    return hmacSha256(under, text);
  } finally {
    text.fill(0);
  }
}

export interface HeaderCopyParts {
  readonly host: Pick<DiskHost, "luks">;
  readonly headers: HeaderKeeper;
  readonly random: Random;
  readonly log: AgentLog;
}

/**
 * So that a damaged header comes back, also of a volume that never had another key. One that cannot be kept costs
 * the copy and nothing else: that is logged.
 *
 * @param how - `anew`: also when there is one.
 */
export async function keepHeader(
  { host, headers, random, log }: HeaderCopyParts,
  { delivery }: VolumeAnswer,
  key: AnsweredKey,
  how: { readonly anew: boolean },
): Promise<void> {
  const { name } = delivery;
  try {
    if (!how.anew && headers.has(name, key.version)) return;
    await copySealedHeader(
      {
        ...{ luks: host.luks, random },
        keepHeader: (uuid, version, sealed, only) => headers.keep(name, uuid, version, sealed, only),
      },
      encryptedDevice(delivery),
      key,
    );
  } catch (error) {
    if (!isKeywardError(error)) throw error;
    log.warn({ volume: name, code: error.code, reason: error.message }, "no copy of its header is kept");
  }
}
