/**
 * The encryption context of `ENC[KMS,…]` values: AWS KMS opens their data keys with it alone, and writes it into its log.
 * The original Secretary knows none, so what is sealed with one opens with us only.
 */
import { KeywardError } from "../base/errors.ts";
import { type Environment, variable } from "../command/environment.ts";
import type { Kms, KmsContext } from "../model/kms.ts";

/** Characters; AWS KMS takes 8,192 of the JSON. */
const MAX_CONTEXT = 4096;

/** @throws KeywardError `usage` when KEYWARD_KMS_CONTEXT is no list of `NAME=VALUE`, with commas between them. */
export function kmsContextOf(env: Environment): KmsContext {
  const text = variable(env, "KEYWARD_KMS_CONTEXT") ?? "";
  if (text === "") return {};
  const pairs = text.split(",").map((pair) => /^\s*([^=\s]+)=(\S+)\s*$/.exec(pair)?.slice(1) ?? []);
  const isUnique = new Set(pairs.map(([name]) => name)).size === pairs.length;
  if (text.length > MAX_CONTEXT || !isUnique || pairs.some(({ length }) => length !== 2))
    throw new KeywardError("usage", "KEYWARD_KMS_CONTEXT: not a list of NAME=VALUE", {
      hint: "as environment=prod,team=shop: each name once, with commas between them",
    });
  return Object.fromEntries(pairs);
}

/** Opens data keys with this context. @throws KeywardError `usage` */
export function withKmsContext(kms: Pick<Kms, "decrypt">, env: Environment): Pick<Kms, "decrypt"> {
  const context = kmsContextOf(env);
  return { decrypt: (blob, options) => kms.decrypt(blob, { ...options, context }) };
}
