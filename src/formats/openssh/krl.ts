/**
 * Key revocation lists: which certificates of a CA, and which plain keys, sshd refuses (`RevokedKeys`).
 *
 *     uint64    magic, "SSHKRL\n" and a NUL
 *     uint32    format version, 1
 *     uint64    version of the list, which grows
 *     uint64    made at, seconds since 1970
 *     uint64    flags, 0
 *     string    reserved, empty
 *     string    comment
 *     …         sections: byte type, string data
 *
 *     type 1, certificates    string CA key, string reserved, then parts: byte type, string data
 *         0x20, serial numbers    uint64 each, ascending
 *     type 5, plain keys      string SHA-256 of the key's blob each, ascending
 *
 * Source: OpenSSH, PROTOCOL.krl. Tests: ssh-keygen -Q.
 */
import { concat, utf8 } from "../../base/bytes.ts";
import { sha256 } from "../../crypto/hash.ts";
import { string, uint32, uint64 } from "../ssh-wire.ts";
import { encodePublicKey, type SshPublicKey } from "./public-key.ts";

export interface RevokedSshKeys {
  /** Grows with every list. */
  readonly version: bigint;
  /** Seconds since 1970. */
  readonly at: number;
  readonly comment: string;
  /** Serial numbers by the CA that gave them. */
  readonly serials: readonly { readonly ca: SshPublicKey; readonly numbers: readonly bigint[] }[];
  readonly keys: readonly SshPublicKey[];
}

const magic = utf8("SSHKRL\n\0");
const CERTIFICATES = 1;
const KEYS_BY_SHA256 = 5;
const SERIALS = 0x20;

export function encodeKrl({ version, at, comment, serials, keys }: RevokedSshKeys): Uint8Array {
  const head = concat(
    magic,
    uint32(1),
    uint64(version),
    uint64(BigInt(at)),
    uint64(0n),
    string(""),
    string(comment),
  );
  const certificates = serials
    .filter(({ numbers }) => numbers.length > 0)
    .map(({ ca, numbers }) => {
      const ascending = [...new Set(numbers)].sort((a, b) => (a < b ? -1 : 1));
      const list = section(SERIALS, concat(...ascending.map(uint64)));
      return section(CERTIFICATES, concat(string(encodePublicKey(ca)), string(""), list));
    });
  const hashes = keys.map((key) => sha256(encodePublicKey(key))).sort(Buffer.compare);
  const plain = hashes.length === 0 ? [] : [section(KEYS_BY_SHA256, concat(...hashes.map(string)))];
  return concat(head, ...certificates, ...plain);
}

function section(type: number, data: Uint8Array): Uint8Array {
  return concat(Uint8Array.of(type), string(data));
}
