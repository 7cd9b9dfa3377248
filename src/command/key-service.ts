/** The key service, for commands that open or make what it wraps. */
import { createAwsKms } from "../adapters/aws-kms/aws-kms.ts";
import type { Kms } from "../model/kms.ts";
import { variable } from "./environment.ts";
import type { World } from "./world.ts";

/**
 * One for the process. It speaks to nobody before it is asked something; close it at the end.
 *
 * @throws KeywardError `usage` when KEYWARD_KMS_KEYS holds something else than ARNs of keys.
 */
export function createKeyService({ env }: Pick<World, "env">): Kms {
  const allow = (variable(env, "KEYWARD_KMS_KEYS") ?? "").split(",").map((arn) => arn.trim());
  return createAwsKms({ environment: env, allow: allow.filter((arn) => arn !== "") });
}
