/**
 * Kms: a service that keeps keys which never leave it, and wraps and opens small secrets under them. AWS KMS is
 * the one that there is (`adapters/aws-kms/`); formats and seals know this contract alone.
 *
 * Errors are the same for all three methods. Each names the key id, where there is one, and the region:
 *
 *     usage            a key id that cannot be one
 *     local            no region, no credentials, or no sound connection configured on this machine
 *     denied           the service refuses, or the key that opened is not on our list of allowed keys
 *     not-found        no such key
 *     conflict         the key is there and cannot be used now: disabled, pending deletion
 *     wrong-key        sealed under another key or with another context, or changed
 *     malformed        an answer that is none
 *     too-large        more than the service takes
 *     rate-limited     throttled, and still after the retries
 *     timeout          no answer within the time limit, retries included
 *     unreachable      no connection, or the service fails
 */
import { KeywardError } from "../base/errors.ts";
import type { Secret } from "../base/secret.ts";

/** What the service binds a wrapped secret to, and writes into its own log: not secret. */
export type KmsContext = Readonly<Record<string, string>>;

export interface KmsOpened {
  /** The caller's own copy, which it wipes. */
  readonly plain: Secret;
  /** Of the key that opened, as the service names it. */
  readonly keyArn: string;
}

export interface KmsWrapped {
  /** To be sent back to the service: 1 to 6,144 bytes. */
  readonly blob: Uint8Array;
  /** Of the key that wrapped, as the service names it. */
  readonly keyArn: string;
}

export interface KmsDecryptOptions {
  /** Open with this key and no other. Without it, with the one that the blob names. */
  readonly keyId?: string;
  /** The same as when it was wrapped. */
  readonly context?: KmsContext;
}

export interface Kms {
  /** Equal questions that are asked at the same time, or shortly after each other, are one call to the service. */
  decrypt(blob: Uint8Array, options?: KmsDecryptOptions): Promise<KmsOpened>;

  /**
   * A new data key of 32 bytes.
   *
   * @param keyId - A key's id or ARN, or an alias' name (`alias/…`) or ARN.
   */
  generateDataKey(keyId: string, context?: KmsContext): Promise<KmsOpened & KmsWrapped>;

  /** @param plain - 1 to 4,096 bytes. */
  encrypt(keyId: string, plain: Secret, context?: KmsContext): Promise<KmsWrapped>;

  /** Wipes what is held, and ends the connections. */
  close(): void;
}

/** The longest blob that AWS KMS takes (API reference, Decrypt), bytes. */
export const MAX_KMS_BLOB = 6144;
/** The most that one call wraps (API reference, Encrypt), bytes. */
export const MAX_KMS_PLAIN = 4096;

/**
 * A key's ARN, for a list of allowed keys. An alias' ARN will not do: whoever may move the alias would choose
 * the key.
 *
 * @param what - Names the place in errors.
 * @throws KeywardError `usage`
 */
export function parseKmsKeyArn(text: string, what: string): string {
  if (/^arn:aws[a-z-]{0,16}:kms:[a-z0-9-]{1,32}:[0-9]{12}:key\/[A-Za-z0-9-]{1,128}$/.test(text)) return text;
  throw new KeywardError("usage", `${what}: not the ARN of a KMS key`, {
    hint: "want arn:aws:kms:REGION:ACCOUNT:key/ID; an alias can be moved to another key, so it is not taken",
  });
}

/** A key's id or ARN, or an alias. @throws KeywardError `usage` */
export function parseKmsKeyId(text: string, what: string): string {
  if (/^[A-Za-z0-9:/_-]{1,2048}$/.test(text)) return text;
  throw new KeywardError("usage", `${what}: cannot be a KMS key id`, {
    hint: "want a key's id or ARN, or an alias as alias/NAME",
  });
}
