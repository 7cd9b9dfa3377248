/**
 * The secret of encrypted data bag items, and the keys that follow from it.
 *
 *     versions 1, 2, 3   AES key: SHA-256 of the secret's bytes
 *     version 2          HMAC key: the secret's bytes themselves
 *     version 0          key and iv: EVP_BytesToKey (`crypto/bytes-to-key.ts`), the same for every value
 *
 * Source: chef/chef, lib/chef/encrypted_data_bag_item.rb (`load_secret`) and its encryptors.
 */
import { fromUtf8 } from "../../base/bytes.ts";
import { KeywardError } from "../../base/errors.ts";
import { Secret } from "../../base/secret.ts";
import { stripSecretFile } from "../../base/secret-file.ts";
import { CBC_BLOCK_SIZE, CBC_KEY_SIZE } from "../../crypto/aes-cbc.ts";
import { bytesToKey } from "../../crypto/bytes-to-key.ts";
import { sha256 } from "../../crypto/hash.ts";
import { wipe } from "../../crypto/memory.ts";

export interface DataBagSecret {
  /** 32 bytes. */
  readonly key: Uint8Array;
  readonly macKey: Uint8Array;
  /** Derived when it is first asked for, then kept. */
  legacy(): { readonly key: Uint8Array; readonly iv: Uint8Array };
  wipe(): void;
  [Symbol.dispose](): void;
}

const MAX_SECRET = 1_048_576;

/**
 * As Chef reads a secret file: stripped at both ends.
 *
 * @param content - The caller's, who wipes it.
 * @throws KeywardError `usage` when nothing is left; `malformed` when it is not UTF-8; `too-large` over 1 MiB.
 */
export function secretOfFile(content: Secret, what = "secret file"): DataBagSecret {
  const bytes = content.reveal();
  fromUtf8(bytes, what);
  using inner = Secret.copy(stripSecretFile(bytes));
  return dataBagSecret(inner, what);
}

/**
 * A secret as it is: nothing is stripped.
 *
 * @param secret - The caller's, who wipes it; a copy is kept.
 * @throws KeywardError `usage` for an empty one; `too-large` over 1 MiB.
 */
export function dataBagSecret(secret: Secret, what = "secret"): DataBagSecret {
  if (secret.length === 0)
    throw new KeywardError("usage", `${what}: is empty`, { hint: "make one: openssl rand -base64 512" });
  if (secret.length > MAX_SECRET)
    throw new KeywardError("too-large", `${what}: more than ${MAX_SECRET} bytes`);
  const own = Secret.copy(secret.reveal());
  const key = sha256(own.reveal());
  let legacy: ReturnType<DataBagSecret["legacy"]> | null = null;
  const wipeAll = (): void => {
    own.wipe();
    wipe(key, legacy?.key, legacy?.iv);
    legacy = null;
  };
  return {
    key,
    get macKey() {
      return own.reveal();
    },
    legacy() {
      legacy ??= bytesToKey(own.reveal(), CBC_KEY_SIZE, CBC_BLOCK_SIZE);
      return legacy;
    },
    wipe: wipeAll,
    [Symbol.dispose]: wipeAll,
  };
}
