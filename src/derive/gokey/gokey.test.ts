import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fromBase64, fromHex, toHex, utf8 } from "../../base/bytes.ts";
import { isKeywardError } from "../../base/errors.ts";
import { Secret } from "../../base/secret.ts";
import { openStream } from "../../crypto/stream.ts";
import {
  type Derivation,
  derive,
  deriveMany,
  fromPassword,
  fromSeedFile,
  type Kind,
  kinds,
  makeSeed,
  openSeed,
} from "./gokey.ts";
import { readRsaNumbers } from "./rsa.ts";
import { createExpander, stretch } from "./seed.ts";

interface Case {
  id: string;
  type: Kind;
  password: string;
  realm: string;
  seed_base64: string | null;
  skip: number;
  length: number | null;
  unsafe: boolean;
  stdout_encoding: "utf8" | "base64";
  stdout: Record<Derivation, string>;
}

const vectors = join(import.meta.dirname, "../../../test/vectors/gokey");
const load = (name: string) => JSON.parse(readFileSync(join(vectors, `${name}.json`), "utf8"));
const text = (secret: Secret): string => Buffer.from(secret.reveal()).toString("utf8");

function sourceOf(one: Case, derivation: Derivation) {
  const password = Secret.fromText(one.password);
  if (one.seed_base64 === null) return fromPassword(password);
  return fromSeedFile(fromBase64(one.seed_base64, "seed").subarray(one.skip), password, derivation);
}

async function output(one: Case, derivation: Derivation): Promise<string> {
  const request = {
    realm: one.realm,
    kind: one.type,
    ...(one.length === null ? {} : { length: one.length }),
  };
  const secret = await derive(sourceOf(one, derivation), request, { allowUnsafe: one.unsafe });
  return Buffer.from(secret.reveal()).toString(one.stdout_encoding);
}

for (const kind of kinds) {
  test(`${kind}: gokey's output to the byte, both derivations`, async () => {
    for (const one of load(kind).cases as Case[]) {
      const seen = await output(one, "0.1");
      assert.equal(seen, one.stdout["0.1"], `${one.id} 0.1`);
      if (one.seed_base64 === null) assert.equal(one.stdout["0.2"], seen, one.id);
      else assert.equal(await output(one, "0.2"), one.stdout["0.2"], `${one.id} 0.2`);
    }
  });
}

test("inner values: PBKDF2, HKDF and the stream", () => {
  for (const one of load("intermediates").cases) {
    const password = Secret.fromText(one.password);
    if (one.mode !== "no seed") continue;
    const key = stretch(password, utf8(one.salt_utf8));
    assert.equal(toHex(key.reveal()), one.pbkdf2_key_hex);
    assert.equal(toHex(openStream(key).read(96)), one.stream_first_96_hex);
  }
});

test("RSA's rare branches: equal primes, no inverse, a candidate grown too long", async () => {
  for (const one of load("rsa-branches").cases) {
    const stream = openStream(Secret.take(fromHex(one.stream_key_hex, "key")));
    const { n, d, p, q } = await readRsaNumbers(stream, one.bits);
    assert.deepEqual(
      [n, d, p, q].map((value) => value.toString(16)),
      [one.n, one.d, one.p, one.q],
      one.id,
    );
  }
});

test("a made seed opens, and only with its password", async () => {
  const seed = makeSeed(Secret.fromText("right"), new Uint8Array(240).fill(7));
  assert.equal(seed.length, 256);
  assert.equal(openSeed(seed, Secret.fromText("right"), "0.2").input.length, 256);
  assert.throws(
    () => openSeed(seed, Secret.fromText("wrong"), "0.2"),
    (error) => isKeywardError(error, "wrong-key"),
  );
});

test("each truncation and each changed byte of a seed is refused", () => {
  const password = Secret.fromText("right");
  const seed = makeSeed(password, new Uint8Array(240).fill(7));
  for (let length = 0; length < 28; length++)
    assert.throws(
      () => openSeed(seed.slice(0, length), password, "0.2"),
      (error) => isKeywardError(error, "malformed"),
    );
  for (let at = 0; at < seed.length; at += 5) {
    const changed = seed.map((byte, i) => (i === at ? byte ^ 1 : byte));
    assert.throws(
      () => openSeed(changed, password, "0.2"),
      (error) => isKeywardError(error, "wrong-key"),
    );
  }
});

test("with 0.1, the public ends of the seed file give every secret away; with 0.2 they do not", async () => {
  const password = Secret.fromText("right");
  const seed = makeSeed(password, new Uint8Array(240).fill(7));
  const salt = Uint8Array.from([...seed.slice(0, 12), ...seed.slice(-16)]);
  const guess = {
    input: Secret.take(Uint8Array.from([...seed.slice(0, 12), ...new Uint8Array(228), ...seed.slice(-16)])),
    salt,
  };
  const stolen = toHex(createExpander(guess)(utf8("ssh-raw")).reveal());
  const keyOf = (derivation: Derivation): string =>
    toHex(fromSeedFile(seed, password, derivation).streamKey(utf8("ssh-raw")).reveal());
  assert.equal(keyOf("0.1"), stolen);
  assert.notEqual(keyOf("0.2"), stolen);
});

test("many realms of one seed equal each alone", async () => {
  const source = fromSeedFile(
    makeSeed(Secret.fromText("p"), new Uint8Array(240)),
    Secret.fromText("p"),
    "0.2",
  );
  const requests = [
    { realm: "a", kind: "pass" },
    { realm: "b", kind: "raw" },
    { realm: "a", kind: "ed25519" },
  ] as const;
  const many = await deriveMany(source, requests);
  for (const [i, request] of requests.entries())
    assert.equal(text(many[i] as Secret), text(await derive(source, request)));
});

test("what gokey refuses is refused in its words", async () => {
  const source = fromPassword(Secret.fromText("p"));
  const refuse = (request: Parameters<typeof derive>[1], message: RegExp) =>
    assert.rejects(() => derive(source, request), message);
  await refuse({ realm: "", kind: "pass" }, /no realm provided/);
  await refuse({ realm: "a", kind: "raw" }, /without strong seed/);
  await refuse({ realm: "a", kind: "ed25519" }, /without strong seed/);
  await assert.rejects(
    () => derive(source, { realm: "a", kind: "ec256", length: 3 }, { allowUnsafe: true }),
    /does not support length/,
  );
  await refuse({ realm: "a", kind: "pass", length: 0 }, /invalid length parameter/);
  await refuse({ realm: "a", kind: "pass", length: 7 }, /want 8/);
});

test("the search for RSA primes ends when it is told to", async () => {
  const source = fromPassword(Secret.fromText("p"));
  await assert.rejects(
    () =>
      derive(source, { realm: "a", kind: "rsa4096" }, { allowUnsafe: true, signal: AbortSignal.timeout(50) }),
    (error) => isKeywardError(error, "timeout"),
  );
});
