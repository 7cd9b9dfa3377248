import { generateKeyPairSync } from "node:crypto";
import { fromUtf8, utf8 } from "../../src/base/bytes.ts";
import { isKeywardError } from "../../src/base/errors.ts";
import { isExactObject, parseExactJson } from "../../src/base/exact-json.ts";
import { formatExactJson } from "../../src/base/exact-json-text.ts";
import { unwrapRsa } from "../../src/crypto/rsa-wrap.ts";
import {
  formatSparseKey,
  formatVaultKeys,
  formatVaultNotes,
  makeSharedSecret,
  parseSparseKey,
  parseVaultKeys,
  parseVaultNotes,
  unwrapSecret,
  vaultItemType,
  wrapSecret,
} from "../../src/formats/chefvault/chefvault.ts";

const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 1024 });
const wrapped = wrapSecret(makeSharedSecret(), publicKey);

function readItem(text: string): void {
  const item = parseExactJson(text, "fuzz");
  if (!isExactObject(item)) return;
  vaultItemType(item, true);
  try {
    formatSparseKey(parseSparseKey(item, "alice", "fuzz"));
  } catch (error) {
    if (!isKeywardError(error)) throw error;
  }
  try {
    const notes = parseVaultNotes(item, "fuzz");
    formatVaultKeys(parseVaultKeys(item, "fuzz", notes));
    formatVaultNotes("fuzz", notes);
  } catch (error) {
    if (!isKeywardError(error)) throw error;
  }
  const keys = parseVaultKeys(item, "fuzz");
  const again = parseVaultKeys(formatVaultKeys(keys), "fuzz");
  if (formatExactJson(formatVaultKeys(again)) !== formatExactJson(formatVaultKeys(keys)))
    throw new Error("keys item: not the same again");
  for (const text of keys.wrapped.values()) unwrapSecret(text, privateKey)?.wipe();
}

const readers: readonly ((bytes: Uint8Array) => unknown)[] = [
  (bytes) => readItem(fromUtf8(bytes, "fuzz")),
  (bytes) => unwrapSecret(fromUtf8(bytes, "fuzz"), privateKey)?.wipe(),
  (bytes) => unwrapRsa(bytes, privateKey),
];

export default {
  name: "chefvault",
  examples: [
    utf8(
      `{"id":"a_keys","admins":["alice"],"clients":["web"],"search_query":"tags:a","mode":"default","alice":${JSON.stringify(wrapped)},"keyward/vault":{"next":{"alice":"eA=="}}}`,
    ),
    utf8('{"id":"a_key_keyward.vault","rotating":true,"removed":["x"],"named":["y"]}'),
    utf8(`{"id":"a_key_alice","alice":${JSON.stringify(wrapped)}}`),
    utf8(wrapped),
    Buffer.from(wrapped, "base64"),
  ],
  run(bytes: Uint8Array): void {
    for (const read of readers) {
      try {
        read(bytes);
      } catch (error) {
        if (!isKeywardError(error)) throw error;
      }
    }
  },
};
