/**
 * RSA keys from a stream: its first prime is p, its next is q, in this order.
 *
 * Source: gokey, rsa/ (Go 1.18's crypto/rsa). Vectors: test/vectors/gokey/rsa*.json.
 */
import { createPrivateKey } from "node:crypto";
import { toBase64Url } from "../../base/bytes.ts";
import { Secret } from "../../base/secret.ts";
import type { Stream } from "../../crypto/stream.ts";
import { bitLength, fromNumber, inverse } from "./number.ts";
import { primesOf } from "./primes.ts";

const E = 65_537n;

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
  try {
    for (;;) {
      const p = await nextOf(primes);
      const q = await nextOf(primes);
      const d = p === q || bitLength(p * q) !== bits ? null : inverse(E, (p - 1n) * (q - 1n));
      if (d !== null) return { n: p * q, d, p, q };
    }
  } finally {
    await primes.return(undefined);
  }
}

async function nextOf(primes: AsyncGenerator<bigint>): Promise<bigint> {
  const { value } = await primes.next();
  return value as bigint;
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
