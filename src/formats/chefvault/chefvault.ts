/**
 * Chef vault: data bag items whose secret is wrapped for each of their readers, read and written.
 *
 *     NAME               an encrypted data bag item (formats/databag) under the shared secret
 *     NAME_keys          who may read it, the search that finds them, and in default mode their wrapped keys
 *     NAME_key_READER    in sparse mode, the wrapped key of one reader
 *     NAME_key_keyward.vault  ours: who was removed, who was added by name
 *
 * The shared secret is 32 random bytes, wrapped for a reader by RSA PKCS#1 v1.5, base64 in Ruby's lines.
 *
 * Source: chef/chef-vault 4.2.12, lib/chef-vault/item.rb and item_keys.rb. Spec: docs/formats/chefvault.md. Vectors:
 * test/vectors/chef/vault.json.
 */
import type { KeyObject } from "node:crypto";
import { KeywardError } from "../../base/errors.ts";
import { type ExactObject, isExactObject } from "../../base/exact-json.ts";
import { Secret } from "../../base/secret.ts";
import { type Random, systemRandom } from "../../crypto/random.ts";
import { unwrapRsa, wrapRsa } from "../../crypto/rsa-wrap.ts";
import { packBase64, unpackBase64 } from "../ruby-base64.ts";

export { formatVaultKeys, OWN, parseVaultKeys, type VaultKeys, type VaultMode } from "./keys-item.ts";
export { assertReaderName, assertVaultName, keysIdOf, NOTES_READER, notesIdOf, sparseIdOf } from "./names.ts";
export { formatVaultNotes, parseVaultNotes, type VaultNotes } from "./notes-item.ts";
export { formatSparseKey, parseSparseKey, type SparseKey } from "./sparse-key.ts";

const SHARED_SECRET_SIZE = 32;
/** No longer than what fits the largest key. */
const MAX_WRAPPED = 8192;

export function makeSharedSecret(random: Random = systemRandom): Secret {
  return Secret.take(random(SHARED_SECRET_SIZE));
}

/** @param random - Draws the padding; for tests that make recorded bytes again. */
export function wrapSecret(secret: Secret, reader: KeyObject, random: Random = systemRandom): string {
  return packBase64(wrapRsa(secret.reveal(), reader, random));
}

/** @returns `null` when it was not wrapped for this key, or was changed: which of them is not told. */
export function unwrapSecret(wrapped: string, reader: KeyObject): Secret | null {
  if (wrapped.length > MAX_WRAPPED) return null;
  const secret = unwrapRsa(unpackBase64(wrapped, "wrapped key"), reader);
  return secret === null ? null : Secret.take(secret);
}

export type VaultItemType = "normal" | "encrypted" | "vault";

/** Chef vault's own test. @param hasKeys - `NAME_keys` is in the bag. */
export function vaultItemType(item: ExactObject, hasKeys: boolean): VaultItemType {
  const encrypted = [...item.values()].some((value) => isExactObject(value) && value.has("encrypted_data"));
  if (!encrypted) return "normal";
  return hasKeys ? "vault" : "encrypted";
}

/** A name that a vault lists, and that has no key in it. */
export function notForYou(what: string, reader: string): KeywardError {
  return new KeywardError("denied", `${what}: is not encrypted for ${reader}`, {
    hint: "have one of its admins add you: keyward vault-item update VAULT ITEM -A NAME, or -C NAME",
  });
}
