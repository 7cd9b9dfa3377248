/**
 * Challenges: what a node must answer a proof with, so that an old proof is worth nothing later. Nothing is
 * kept for one: it says itself when it was made, and bears a tag that only we can make. So a proof may reach
 * another server than the one that asked, or this one after a restart. All that are given out within a second
 * are the same: a proof names its node, so that nobody can use another's.
 *
 *     offset  bytes   field
 *     0       6       milliseconds since 1970, big-endian
 *     6       10      random
 *     16      16      the first 16 bytes of HMAC-SHA-256 of fields("keyward/v1/challenge", bytes 0 to 15)
 */
import { timingSafeEqual } from "node:crypto";
import { concat, fields } from "../base/bytes.ts";
import type { Secret } from "../base/secret.ts";
import type { Clock } from "../base/time.ts";
import { hmacSha256 } from "../crypto/mac.ts";
import type { Random } from "../crypto/random.ts";
import type { RootKey } from "../seal/root-key.ts";

export interface Challenges {
  /** 32 bytes, not a copy. @throws KeywardError `sealed`, `uninitialised` */
  ask(): Uint8Array;
  /** Did we give this one out, not too long ago? @throws KeywardError `sealed`, `uninitialised` */
  isOurs(challenge: Uint8Array): boolean;
}

/** An agent on a quiet watch proves a repair with the challenge of its last bundle. */
const VALID_MS = 24 * 3_600_000;
const RENEW_MS = 1000;
const HEAD_BYTES = 16;

export function createChallenges(needs: { rootKey: RootKey; clock: Clock; random: Random }): Challenges {
  const { rootKey, clock, random } = needs;
  let secret: Secret | null = null;
  let current: { readonly at: number; readonly bytes: Uint8Array } | null = null;
  rootKey.onSeal(() => {
    secret?.wipe();
    secret = null;
    current = null;
  });

  function tagOf(head: Uint8Array): Uint8Array {
    secret ??= rootKey.derive("challenge");
    return hmacSha256(secret.reveal(), fields("keyward/v1/challenge", head)).subarray(0, 16);
  }

  function create(now: number): Uint8Array {
    const head = Buffer.alloc(HEAD_BYTES);
    head.writeUIntBE(now, 0, 6);
    head.set(random(10), 6);
    return concat(head, tagOf(head));
  }

  return {
    ask() {
      const now = clock();
      if (current === null || Math.abs(now - current.at) >= RENEW_MS)
        current = { at: now, bytes: create(now) };
      return current.bytes;
    },
    isOurs(challenge) {
      if (challenge.byteLength !== 32) return false;
      const head = Buffer.from(challenge.subarray(0, HEAD_BYTES));
      if (!timingSafeEqual(challenge.subarray(HEAD_BYTES), tagOf(head))) return false;
      return Math.abs(clock() - head.readUIntBE(0, 6)) <= VALID_MS;
    },
  };
}
