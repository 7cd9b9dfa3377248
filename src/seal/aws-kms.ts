/**
 * The AWS KMS seal: a data key that KMS made and keeps wrapped under a key which never leaves it. Whoever may call
 * Decrypt with that key, a machine's role say, opens the seal; no person and no file is needed. The data key is
 * bound by its encryption context to this seal alone, so that the call can be allowed, and found in CloudTrail, for
 * nothing else.
 */
import { fields } from "../base/bytes.ts";
import { isKeywardError, KeywardError } from "../base/errors.ts";
import { Secret } from "../base/secret.ts";
import { hkdf } from "../crypto/hkdf.ts";
import { type Kms, type KmsContext, parseKmsKeyArn } from "../model/kms.ts";

export interface KmsDataKey {
  /** The key's ARN. */
  readonly key: string;
  /** The data key, as KMS wrapped it. */
  readonly blob: Uint8Array;
}

/** @returns What is kept, and the data key, which the caller wipes. @throws KeywardError as `Kms` does. */
export async function makeDataKey(
  kms: Kms,
  keyId: string,
  seal: string,
): Promise<KmsDataKey & { plain: Secret }> {
  const { plain, blob, keyArn } = await kms.generateDataKey(keyId, contextOf(seal));
  try {
    return { key: parseKmsKeyArn(keyArn, "KMS's answer"), blob, plain };
  } catch (error) {
    plain.wipe();
    throw error;
  }
}

/**
 * @param seal - Its id.
 * @throws KeywardError `integrity` when KMS opens no such blob; else as `Kms` does.
 */
export async function openDataKey(kms: Kms, { key, blob }: KmsDataKey, seal: string): Promise<Secret> {
  try {
    const { plain } = await kms.decrypt(blob, { keyId: key, context: contextOf(seal) });
    return plain;
  } catch (error) {
    if (!isKeywardError(error, "wrong-key")) throw error;
    throw new KeywardError("integrity", `seal ${seal}: AWS KMS does not open what the record holds`, {
      hint: "open another seal, or restore the store from a backup",
      cause: error,
    });
  }
}

/** HKDF-SHA-256 (RFC 5869). @param salt - 16 random bytes, stored. */
export function deriveFromDataKey(plain: Secret, salt: Uint8Array, length: number): Secret {
  return Secret.take(hkdf(plain.reveal(), salt, fields("keyward/v1/seal/aws-kms"), length));
}

function contextOf(seal: string): KmsContext {
  return { "keyward:purpose": "root-key", "keyward:seal": seal };
}
