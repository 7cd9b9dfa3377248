/** What a second implementation of gokey gets wrong, each a test of its own. */
import assert from "node:assert/strict";
import { checkPrimeSync, createCipheriv, createPrivateKey, hkdfSync, type JsonWebKey } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fromBase64, toHex, utf8 } from "../../base/bytes.ts";
import { isKeywardError } from "../../base/errors.ts";
import { Secret } from "../../base/secret.ts";
import { openStream, type Stream } from "../../crypto/stream.ts";
import { readCurveKey, readEdwardsKey } from "./curve.ts";
import { derive, fromPassword, fromSeedFile, type Kind, makeSeed, openSeed } from "./gokey.ts";
import { toNumber } from "./number.ts";
import { readPassword } from "./password.ts";
import { createSieve } from "./sieve.ts";

interface Case {
  id: string;
  type: Kind;
  password: string;
  realm: string;
  seed_base64: string | null;
  skip: number;
  length: number | null;
  stdout: { "0.1": string; "0.2": string };
}

const vectors = join(import.meta.dirname, "../../../test/vectors/gokey");
const casesOf = (kind: Kind): Case[] => JSON.parse(readFileSync(join(vectors, `${kind}.json`), "utf8")).cases;
const text = (secret: Secret): string => Buffer.from(secret.reveal()).toString("utf8");

function sourceOf({ seed_base64: seed, skip, password }: Case) {
  if (seed === null) return fromPassword(Secret.fromText(password));
  return fromSeedFile(fromBase64(seed, "seed").subarray(skip), Secret.fromText(password), "0.2");
}

const keyOf = (one: Case): JsonWebKey => createPrivateKey(one.stdout["0.2"]).export({ format: "jwk" });
const numberOf = (digits: string | undefined): bigint => toNumber(Buffer.from(digits ?? "", "base64url"));

/** These bytes and no more; says how many were read at once. */
function given(bytes: Uint8Array, reads: number[] = []): Stream {
  let at = 0;
  return {
    read(length) {
      reads.push(length);
      at += length;
      return bytes.slice(at - length, at);
    },
  };
}

test("trap 1: a realm longer than 1,024 bytes, which the runtime's HKDF refuses", async () => {
  assert.throws(() => hkdfSync("sha256", "key", "salt", new Uint8Array(1025), 32));
  for (const kind of ["pass", "ec256", "ed25519"] as const) {
    const long = casesOf(kind).filter(({ realm, seed_base64 }) => seed_base64 && realm.length > 1024);
    assert.ok(long.length > 0);
    for (const one of long)
      assert.equal(text(await derive(sourceOf(one), { realm: one.realm, kind })), one.stdout["0.2"]);
  }
});

test("trap 2: passwords and realms are bytes, neither trimmed nor normalised", async () => {
  const of = async (password: string, realm: string): Promise<string> =>
    text(await derive(fromPassword(Secret.fromText(password)), { realm, kind: "pass" }));
  const all = await Promise.all([
    ...["é", "e\u0301", " é", "é ", "É", "é\n", "\ufeffé"].map((realm) => of("p", realm)),
    ...["é", "e\u0301", " é", "é ", "É", "é\n", "\ufeffé"].map((password) => of(password, "r")),
  ]);
  assert.equal(new Set(all).size, all.length);
});

test("trap 3: one cipher for the whole derivation, not one for each read", () => {
  const key = new Uint8Array(32).fill(9);
  const cipher = createCipheriv("aes-256-ctr", key, new Uint8Array(16));
  const whole = toHex(new Uint8Array(cipher.update(new Uint8Array(100))));
  const stream = openStream(Secret.copy(key));
  const pieces = [1, 15, 16, 17, 0, 30, 21].map((length) => toHex(stream.read(length)));
  assert.equal(pieces.join(""), whole);
});

test("trap 4: a password is drawn anew as a whole from where the stream stands, and the zero is the last digit", () => {
  const [a, A, one, nine, zero, backtick] = [0, 26, 52, 60, 61, 62];
  const refused = [a, a, a, a, a, a, a, a];
  const taken = [a, a, a, A, A, A, zero, backtick];
  const bytes = new Uint8Array(512).fill(255);
  // From 188 on a byte is thrown away; two bytes give one character.
  bytes.set([...refused.map((index) => index * 2 + 1), 188, 255, ...taken.map((index) => index * 2)]);
  assert.equal(text(readPassword(given(bytes), 8)), "aaaAAA0`");
  bytes.set([...taken.slice(0, 6), one, backtick].map((index) => index * 2));
  assert.equal(text(readPassword(given(bytes), 8)), "aaaAAA1`");
  bytes.set([...taken.slice(0, 6), nine, backtick].map((index) => index * 2));
  assert.equal(text(readPassword(given(bytes), 8)), "aaaAAA9`");
});

test("trap 5: fresh bytes after every candidate that fails, p and q as they come, d modulo (p − 1)(q − 1)", () => {
  const keys = casesOf("rsa2048").map((one) => ({ one, key: keyOf(one) }));
  const order = keys.map(({ key }) => numberOf(key.p) < numberOf(key.q));
  assert.ok(order.includes(true) && order.includes(false));
  let larger = 0;
  for (const { key } of keys) {
    const [p1, q1, d] = [numberOf(key.p) - 1n, numberOf(key.q) - 1n, numberOf(key.d)];
    assert.equal((d * 65_537n) % (p1 * q1), 1n);
    if (d > (p1 * q1) / gcd(p1, q1)) larger++;
  }
  assert.ok(larger > 0);
  const [{ one, key } = assert.fail()] = keys.filter((some) => some.one.id === "rsa2048-01");
  using streamKey = sourceOf(one).streamKey(utf8(`${one.realm}-key(RSA2048)`));
  const stream = openStream(streamKey);
  assert.deepEqual([primeAlone(stream), primeAlone(stream)], [numberOf(key.p), numberOf(key.q)]);
});

function gcd(a: bigint, b: bigint): bigint {
  return b === 0n ? a : gcd(b, a % b);
}

/** The next prime of 1,024 bits, one candidate after the other, without sieve, cores or reading ahead. */
function primeAlone(stream: Stream): bigint {
  const small = [3n, 5n, 7n, 11n, 13n, 17n, 19n, 23n, 29n, 31n, 37n, 41n, 43n, 47n, 53n];
  for (;;) {
    let candidate = toNumber(stream.read(128)) | (3n << 1022n) | 1n;
    while (small.some((prime) => candidate % prime === 0n)) candidate += 2n;
    if (candidate < 1n << 1024n && checkPrimeSync(candidate)) return candidate;
  }
}

test("trap 6: an X25519 key is stored clamped", () => {
  const pem = text(readEdwardsKey(given(new Uint8Array(32).fill(255)), "x25519"));
  const raw = createPrivateKey(pem).export({ format: "der", type: "pkcs8" }).subarray(-32);
  assert.equal(toHex(raw), `f8${"ff".repeat(30)}7f`);
  const ed = text(readEdwardsKey(given(new Uint8Array(32).fill(255)), "ed25519"));
  const seed = createPrivateKey(ed).export({ format: "der", type: "pkcs8" }).subarray(-32);
  assert.equal(toHex(seed), "ff".repeat(32));
});

test("trap 7: scalar and coordinates are padded, and P-521 reads 73 bytes", () => {
  for (const [kind, size, read] of [
    ["ec256", 32, 40],
    ["ec384", 48, 56],
    ["ec521", 66, 73],
  ] as const) {
    const reads: number[] = [];
    const key = createPrivateKey(text(readCurveKey(given(new Uint8Array(read), reads), kind)));
    const der = key.export({ format: "der", type: "sec1" });
    assert.deepEqual(reads, [read]);
    assert.ok(
      der.includes(Buffer.concat([Buffer.of(0x04, size), Buffer.alloc(size - 1), Buffer.of(1)])),
      kind,
    );
    // P-521 has 7 bits more than whole bytes: one zero byte in front is common, two are rare.
    const zeros = kind === "ec521" ? 2 : 1;
    const parts = casesOf(kind).flatMap((one) => {
      const { d = "", x = "", y = "" } = keyOf(one);
      return [d, x, y].map((part) => Buffer.from(part, "base64url"));
    });
    assert.ok(
      parts.some((part) => part.subarray(0, zeros).every((byte) => byte === 0)),
      kind,
    );
    for (const part of parts) assert.equal(part.length, size);
  }
});

test("trap 8: the runtime writes every PEM as gokey does", () => {
  const types = { x25519: "pkcs8", ed25519: "pkcs8", rsa2048: "pkcs1", rsa4096: "pkcs1" } as const;
  for (const kind of ["ec256", "ec384", "ec521", "rsa2048", "rsa4096", "x25519", "ed25519"] as const)
    for (const { stdout } of casesOf(kind))
      for (const pem of Object.values(stdout)) {
        const type = kind in types ? types[kind as keyof typeof types] : "sec1";
        assert.equal(createPrivateKey(pem).export({ format: "pem", type } as never), pem);
      }
});

test("trap 9: a seed's tag has 16 bytes; no shorter one passes", () => {
  const password = Secret.fromText("right");
  const seed = makeSeed(password, new Uint8Array(240).fill(7));
  openSeed(seed, password, "0.2");
  for (let less = 1; less <= 12; less++)
    assert.throws(
      () => openSeed(seed.subarray(0, -less), password, "0.2"),
      (error) => isKeywardError(error, "wrong-key"),
    );
});

test("trap 10: a seed shorter than 28 bytes is refused with a message", () => {
  for (let length = 0; length < 28; length++)
    assert.throws(
      () => openSeed(new Uint8Array(length), Secret.fromText("p"), "0.1"),
      (error) => isKeywardError(error, "malformed") && error.message.includes(`${length} bytes`),
    );
});

test("the sieve strikes out what one of its primes divides, and nothing else", () => {
  const sieve = createSieve(59, 4096);
  for (const prime of [59n, 61n, 1009n, 4093n]) {
    assert.ok(!sieve.hasFactor(prime));
    assert.ok(sieve.hasFactor(prime * prime));
    assert.ok(sieve.hasFactor(prime * ((1n << 1000n) + 297n)));
  }
  for (const beyond of [53n * 47n, 4099n * 4111n, (1n << 521n) - 1n, (1n << 1279n) - 1n])
    assert.ok(!sieve.hasFactor(beyond));
  for (let n = 4097n; n < 60_000n; n += 2n) {
    const divided = naive(n);
    assert.equal(sieve.hasFactor(n), divided, String(n));
  }
});

function naive(n: bigint): boolean {
  for (let divisor = 59n; divisor <= 4096n; divisor += 2n)
    if (n % divisor === 0n && n !== divisor && isSmallPrime(divisor)) return true;
  return false;
}

function isSmallPrime(n: bigint): boolean {
  for (let divisor = 3n; divisor * divisor <= n; divisor += 2n) if (n % divisor === 0n) return false;
  return true;
}
