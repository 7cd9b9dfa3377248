/** A value sealed under a data key of AWS KMS: loaded only when that is asked for. */

import { createKeyService } from "../command/key-service.ts";
import type { World } from "../command/world.ts";
import { systemRandom } from "../crypto/random.ts";
import { KMS_NONCE_SIZE, sealKms } from "../formats/secretary/kms.ts";
import { kmsContextOf } from "./kms-context.ts";

/** A data key of its own for each value, as the original has it. */
export async function sealWithKms(
  keyId: string,
  world: Pick<World, "env">,
  value: Uint8Array,
): Promise<string> {
  const context = kmsContextOf(world.env);
  const kms = createKeyService(world);
  try {
    const { plain, blob } = await kms.generateDataKey(keyId, context);
    using dataKey = plain;
    return sealKms(dataKey, blob, systemRandom(KMS_NONCE_SIZE), value);
  } finally {
    kms.close();
  }
}
