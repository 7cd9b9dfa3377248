/** Limits: how much one caller, one address and all together may ask of the server. */
import type { Clock } from "../base/time.ts";

export interface Rate {
  readonly perSecond: number;
  readonly burst: number;
}

export interface Limits {
  /** Bytes of a request's head. */
  readonly headerBytes: number;
  /** For the head to arrive. */
  readonly headersMs: number;
  /** For the whole request to arrive. */
  readonly requestMs: number;
  /** For the TLS handshake. */
  readonly handshakeMs: number;
  /** How long a connection may lie idle between requests, and an answer unread. */
  readonly idleMs: number;
  readonly bodyBytes: number;
  /** Of someone who is not signed in: a node's request for a certificate and its facts. */
  readonly publicBodyBytes: number;
  /** Open connections, all told; watches are among them. */
  readonly connections: number;
  /** Requests of one operator. */
  readonly perPrincipal: Rate;
  /** Requests of one node: its agent asks once a second at most. */
  readonly perNode: Rate;
  /** Denials of one operator or node, each of which has its event: beyond it nothing of theirs is served. */
  readonly deniedPerPrincipal: Rate;
  /** Requests that need no sign-in (enrolment, status), by address. */
  readonly publicPerAddress: Rate;
  /** Requests refused for not knowing who sends them, by address: beyond it they are cut off unanswered. */
  readonly refusedPerAddress: Rate;
  /** Lines in the log about requests of people who are not signed in, all told: the figures count them all. */
  readonly publicLines: Rate;
}

export const defaultLimits: Limits = {
  headerBytes: 16_384,
  headersMs: 10_000,
  requestMs: 30_000,
  handshakeMs: 10_000,
  idleMs: 75_000,
  bodyBytes: 2_097_152,
  publicBodyBytes: 262_144,
  connections: 20_000,
  perPrincipal: { perSecond: 10_000, burst: 20_000 },
  perNode: { perSecond: 10, burst: 200 },
  deniedPerPrincipal: { perSecond: 5, burst: 200 },
  publicPerAddress: { perSecond: 100, burst: 1000 },
  refusedPerAddress: { perSecond: 5, burst: 100 },
  publicLines: { perSecond: 10, burst: 1000 },
};

export interface Buckets {
  /** Take one; `false` when there is none left. */
  take(key: string): boolean;
  /** Is there none left? */
  isEmpty(key: string): boolean;
}

interface Bucket {
  left: number;
  at: number;
}

/** Token buckets by key. At most `most` are kept: a full one need not be, the oldest go first beyond it. */
export function createBuckets(rate: Rate, clock: Clock, most = 10_000): Buckets {
  const buckets = new Map<string, Bucket>();

  function filled(key: string): Bucket {
    const now = clock();
    const bucket = buckets.get(key);
    if (bucket === undefined) return { left: rate.burst, at: now };
    const gained = (Math.max(0, now - bucket.at) / 1000) * rate.perSecond;
    bucket.left = Math.min(rate.burst, bucket.left + gained);
    bucket.at = now;
    return bucket;
  }

  function makeRoom(): void {
    for (const key of buckets.keys()) {
      if (filled(key).left >= rate.burst) buckets.delete(key);
    }
    for (const key of buckets.keys()) {
      if (buckets.size < most) return;
      buckets.delete(key);
    }
  }

  return {
    isEmpty: (key) => filled(key).left < 1,
    take(key) {
      const bucket = filled(key);
      if (bucket.left < 1) return false;
      bucket.left -= 1;
      if (!buckets.has(key)) {
        if (buckets.size >= most) makeRoom();
        buckets.set(key, bucket);
      }
      return true;
    },
  };
}

/**
 * The address that limits are counted by: an IPv4 address as it is (also when mapped into IPv6), an IPv6
 * address by its first 64 bits, since whoever has one of those has all.
 */
export function limitedAddress(address: string | undefined): string {
  if (address === undefined) return "unknown";
  const mapped = /^::ffff:([0-9.]+)$/i.exec(address);
  if (mapped?.[1] !== undefined) return mapped[1];
  if (!address.includes(":")) return address;
  const [head = "", tail] = address.split("%", 1)[0]?.split("::") ?? [];
  const groups = head === "" ? [] : head.split(":");
  const after = tail === undefined || tail === "" ? [] : tail.split(":");
  if (tail !== undefined) while (groups.length + after.length < 8) groups.push("0");
  return [...groups, ...after].slice(0, 4).join(":");
}
