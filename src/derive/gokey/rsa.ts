/**
 * RSA keys from a stream. The stream is one row of candidates: each is read fresh, made odd and large, moved
 * up to the next number without a small factor, and tested; the first that passes is p, the next q, in this
 * order. Since a candidate depends only on its place in the stream, candidates are read ahead and tested on
 * all cores (`checkPrime` runs in the runtime's thread pool), and judged in stream order.
 *
 * Source: gokey, rsa/ (Go 1.18's crypto/rsa and crypto/rand). Vectors: test/vectors/gokey/rsa*.json.
 */
import { checkPrime, createPrivateKey } from "node:crypto";
import { availableParallelism } from "node:os";
import { promisify } from "node:util";
import { toBase64Url } from "../../base/bytes.ts";
import { KeywardError } from "../../base/errors.ts";
import { Secret } from "../../base/secret.ts";
import type { Stream } from "../../crypto/stream.ts";
import { bitLength, fromNumber, inverse, toNumber } from "./number.ts";

const isPrime = promisify(checkPrime) as (candidate: bigint) => Promise<boolean>;

const E = 65_537n;
const smallPrimes = [3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53];
const product = smallPrimes.map(BigInt).reduce((a, b) => a * b);

export interface RsaNumbers {
  readonly n: bigint;
  readonly d: bigint;
  readonly p: bigint;
  readonly q: bigint;
}

/**
 * @param bits - Of the modulus; each prime has half, in whole bytes.
 * @throws KeywardError `timeout` when the signal ends it.
 */
export async function readRsaNumbers(
  stream: Stream,
  bits: number,
  signal?: AbortSignal,
): Promise<RsaNumbers> {
  const primes = primesOf(stream, bits / 2, signal);
  for (;;) {
    const p = await nextOf(primes);
    const q = await nextOf(primes);
    const d = p === q || bitLength(p * q) !== bits ? null : inverse(E, (p - 1n) * (q - 1n));
    if (d !== null) return { n: p * q, d, p, q };
  }
}

async function nextOf(primes: AsyncGenerator<bigint>): Promise<bigint> {
  const { value } = await primes.next();
  return value as bigint;
}

/** Every prime of the stream, in stream order, without end. */
async function* primesOf(stream: Stream, bits: number, signal?: AbortSignal): AsyncGenerator<bigint> {
  const ahead: { candidate: bigint; passed: Promise<boolean> }[] = [];
  for (;;) {
    if (signal?.aborted) throw new KeywardError("timeout", "deriving an RSA key: out of time");
    while (ahead.length <= availableParallelism()) {
      const candidate = readCandidate(stream, bits);
      ahead.push({
        candidate,
        passed: bitLength(candidate) === bits ? isPrime(candidate) : Promise.resolve(false),
      });
    }
    const next = ahead.shift();
    if (next !== undefined && (await next.passed)) yield next.candidate;
  }
}

function readCandidate(stream: Stream, bits: number): bigint {
  const bytes = stream.read(bits / 8);
  bytes[0] = (bytes[0] as number) | 0xc0;
  bytes[bytes.length - 1] = (bytes[bytes.length - 1] as number) | 1;
  const start = toNumber(bytes);
  return start + BigInt(stepOver(start % product));
}

/** How far to the next number without a small factor. The remainder stays exact: it is below 2^64, the step below 2^20. */
function stepOver(remainder: bigint): number {
  const remainders = smallPrimes.map((prime) => Number(remainder % BigInt(prime)));
  for (let delta = 0; delta < 1 << 20; delta += 2) {
    if (remainders.every((r, i) => (r + delta) % (smallPrimes[i] as number) !== 0)) return delta;
  }
  return 0;
}

/** PEM `RSA PRIVATE KEY` (PKCS#1), p and q in the order they were found. */
export async function readRsaKey(stream: Stream, bits: 2048 | 4096, signal?: AbortSignal): Promise<Secret> {
  return encodeRsaKey(await readRsaNumbers(stream, bits, signal));
}

function encodeRsaKey({ n, d, p, q }: RsaNumbers): Secret {
  const text = (value: bigint): string => toBase64Url(fromNumber(value));
  const key = createPrivateKey({
    format: "jwk",
    key: {
      kty: "RSA",
      n: text(n),
      e: text(E),
      d: text(d),
      p: text(p),
      q: text(q),
      dp: text(d % (p - 1n)),
      dq: text(d % (q - 1n)),
      qi: text(inverse(q, p) as bigint),
    },
  });
  return Secret.fromText(key.export({ format: "pem", type: "pkcs1" }).toString());
}
