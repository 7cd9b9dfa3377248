/**
 * Secret file: which bytes of a file are its secret. KeyMaster and Chef read theirs stripped at both ends of NUL,
 * TAB, LF, VT, FF, CR and space; what is inside stays.
 *
 * Source: chef/chef, lib/chef/encrypted_data_bag_item.rb (`load_secret`); Ruby's `String#strip`.
 */

const stripped = new Set([0x00, 0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x20]);

/** @returns A view of `bytes`, not a copy; empty when nothing is left. */
export function stripSecretFile(bytes: Uint8Array): Uint8Array {
  let [start, end] = [0, bytes.byteLength];
  while (start < end && stripped.has(bytes[start] ?? -1)) start++;
  while (end > start && stripped.has(bytes[end - 1] ?? -1)) end--;
  return bytes.subarray(start, end);
}
