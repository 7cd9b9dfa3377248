/** AWS KMS for values: loaded only when one is sealed or opened with it. */
import { type AwsEnvironment, createAwsKms } from "../../adapters/aws-kms/aws-kms.ts";
import { systemRandom } from "../../crypto/random.ts";
import { KMS_NONCE_SIZE, sealKms } from "../../formats/secretary/kms.ts";
import type { Kms } from "../../model/kms.ts";

/** @param allow - ARNs of the keys that may open; empty: all. */
export function openKms(environment: AwsEnvironment, allow: readonly string[] = []): Kms {
  return createAwsKms({ environment, allow });
}

/** A data key of its own for each value, as the original has it. */
export async function sealWithKms(
  keyId: string,
  environment: AwsEnvironment,
  value: Uint8Array,
): Promise<string> {
  const kms = openKms(environment);
  try {
    const { plain, blob } = await kms.generateDataKey(keyId);
    using dataKey = plain;
    return sealKms(dataKey, blob, systemRandom(KMS_NONCE_SIZE), value);
  } finally {
    kms.close();
  }
}
