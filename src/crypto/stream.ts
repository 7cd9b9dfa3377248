/**
 * A stream of bytes that follows from one key: AES-256 in counter mode (NIST SP 800-38A section 6.5) over
 * zeros, from an all-zero counter block. Bytes are taken strictly in order; nothing is skipped between reads.
 */
import { createCipheriv } from "node:crypto";
import type { Secret } from "../base/secret.ts";
import { plainView } from "./memory.ts";
import { traceless } from "./traceless.ts";

export interface Stream {
  /** The next `length` bytes. The caller owns them. */
  read(length: number): Uint8Array;
}

const zeros = new Uint8Array(256);
/** The counter's first block. */
const start = new Uint8Array(16);

/** @param key - 32 bytes; may be wiped once this returns. */
export function openStream(key: Secret): Stream {
  const cipher = traceless(() => createCipheriv("aes-256-ctr", key.reveal(), start));
  const next = (length: number): Uint8Array =>
    plainView(cipher.update(length > zeros.length ? new Uint8Array(length) : zeros.subarray(0, length)));
  return { read: next };
}
