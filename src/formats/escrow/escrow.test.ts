import assert from "node:assert/strict";
import {
  createDecipheriv,
  createHmac,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  type KeyObject,
} from "node:crypto";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { combine } from "shamir-secret-sharing";
import { concat, fromHex, toHex, utf8 } from "../../base/bytes.ts";
import { isKeywardError } from "../../base/errors.ts";
import { Secret } from "../../base/secret.ts";
import { x25519PublicKey } from "../../crypto/agree.ts";
import { systemRandom } from "../../crypto/random.ts";
import {
  formatSealedShare,
  holderId,
  openShare,
  parseSealedShare,
  peekShare,
  type SealedShareFacts,
  sealShare,
} from "./escrow.ts";

interface Vector extends SealedShareFacts {
  readonly shows: string;
  readonly holder: string;
  readonly privatePem: string;
  readonly publicKey: string;
  readonly ephemeral: string;
  readonly share: string;
  readonly sealed: string;
}

const { key, cases } = JSON.parse(
  readFileSync(new URL("../../../test/vectors/escrow/escrow-v1.json", import.meta.url), "utf8"),
) as { key: string; cases: readonly Vector[] };

const factsOf = ({ node, volume, uuid, generation, index, count, threshold }: SealedShareFacts) => ({
  ...{ node, volume, uuid, generation, index, count, threshold },
});

for (const vector of cases) {
  test(`vector: ${vector.shows}, both ways`, () => {
    const holder = fromHex(vector.publicKey, "key");
    const share = Secret.take(fromHex(vector.share, "share"));
    const random = () => fromHex(vector.ephemeral, "ephemeral");
    const sealed = sealShare(factsOf(vector), holder, share, random);
    assert.equal(formatSealedShare(sealed), vector.sealed);
    const bytes = parseSealedShare(utf8(vector.sealed), "vector");
    assert.deepEqual(peekShare(bytes), { ...factsOf(vector), holder: vector.holder });
    const privateKey = Secret.take(rawPrivate(vector.privatePem));
    assert.equal(
      toHex(openShare(bytes, { publicKey: holder, privateKey })?.reveal() ?? utf8("")),
      vector.share,
    );
  });

  test(`vector: ${vector.shows}, opened by RFC 9180 as written down here`, () => {
    const bytes = parseSealedShare(utf8(vector.sealed), "vector");
    const size = 38 + vector.node.length + vector.volume.length;
    const info = concat(Uint8Array.of(0, 0, 0, 17), utf8("keyward/escrow/v1"));
    const text = openBase(
      createPrivateKey(vector.privatePem),
      info,
      bytes.subarray(0, size),
      bytes.subarray(size),
    );
    assert.equal(toHex(text), vector.share);
    assert.equal(toHex(bytes.subarray(13, 29)), vector.uuid.replaceAll("-", ""));
    assert.equal(Buffer.from(bytes).toString("latin1", 38, size), vector.node + vector.volume);
  });
}

test("the threshold of the shares that were sealed gives the recovery key", async () => {
  const dataOf = ({ share }: Vector): Uint8Array => {
    const lines = Buffer.from(share, "hex").toString().split("\n");
    return new Uint8Array(Buffer.from(lines.slice(7, -2).join("").replaceAll(" ", ""), "hex"));
  };
  const some = [cases[4], cases[0], cases[2]].map((one) => dataOf(one as Vector) as Uint8Array<ArrayBuffer>);
  assert.equal(toHex(await combine(some)), key);
});

/** `OpenBase` of RFC 9180, sections 4, 4.1, 5.1 and 5.2, by Node's own primitives. */
function openBase(own: KeyObject, info: Uint8Array, aad: Uint8Array, sealed: Uint8Array): Uint8Array {
  const spki = Buffer.from("302a300506032b656e032100", "hex");
  const enc = sealed.subarray(0, 32);
  const theirs = createPublicKey({ key: Buffer.concat([spki, enc]), format: "der", type: "spki" });
  const pkRm = createPublicKey(own).export({ format: "der", type: "spki" }).subarray(12);
  const dh = diffieHellman({ privateKey: own, publicKey: theirs });
  const hmac = (by: Uint8Array, text: Uint8Array) => createHmac("sha256", by).update(text).digest();
  const extract = (suite: Uint8Array, salt: Uint8Array, label: string, ikm: Uint8Array) =>
    hmac(salt, Buffer.concat([utf8("HPKE-v1"), suite, utf8(label), ikm]));
  const expand = (suite: Uint8Array, prk: Uint8Array, label: string, about: Uint8Array, length: number) => {
    const labelled = Buffer.concat([Buffer.of(0, length), utf8("HPKE-v1"), suite, utf8(label), about]);
    return hmac(prk, Buffer.concat([labelled, Buffer.of(1)])).subarray(0, length);
  };
  const none = Buffer.alloc(0);
  const kem = Buffer.concat([utf8("KEM"), Buffer.of(0, 0x20)]);
  const suite = Buffer.concat([utf8("HPKE"), Buffer.of(0, 0x20, 0, 1, 0, 2)]);
  const prk = extract(kem, none, "eae_prk", dh);
  const shared = expand(kem, prk, "shared_secret", Buffer.concat([enc, pkRm]), 32);
  const context = Buffer.concat([
    Buffer.of(0),
    extract(suite, none, "psk_id_hash", none),
    extract(suite, none, "info_hash", info),
  ]);
  const secret = extract(suite, shared, "secret", none);
  const cipher = createDecipheriv(
    "aes-256-gcm",
    expand(suite, secret, "key", context, 32),
    expand(suite, secret, "base_nonce", context, 12),
  );
  cipher.setAAD(aad);
  cipher.setAuthTag(sealed.subarray(-16));
  return Buffer.concat([cipher.update(sealed.subarray(32, -16)), cipher.final()]);
}

function rawPrivate(pem: string): Uint8Array {
  return new Uint8Array(createPrivateKey(pem).export({ format: "der", type: "pkcs8" }).subarray(16));
}

const facts = factsOf(cases[0] as Vector);
const privateKey = Secret.take(systemRandom(32));
const holder = { publicKey: x25519PublicKey(privateKey.reveal()), privateKey };
const sealed = sealShare(facts, holder.publicKey, Secret.fromText("a share"), systemRandom);
const refused = (error: unknown): boolean =>
  isKeywardError(error, "malformed") || isKeywardError(error, "integrity");

test("every truncation, a trailing byte and every changed bit are refused, or are another holder's", () => {
  for (let length = 0; length < sealed.length; length++)
    assert.throws(() => openShare(sealed.subarray(0, length), holder), refused, `${length} bytes`);
  assert.throws(() => openShare(concat(sealed, Uint8Array.of(0)), holder), refused);
  for (let bit = 0; bit < sealed.length * 8; bit++) {
    const changed = Uint8Array.from(sealed);
    changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    const isHolder = bit >> 3 >= 5 && bit >> 3 < 13;
    if (isHolder) assert.equal(openShare(changed, holder), null, `bit ${bit}`);
    else assert.throws(() => openShare(changed, holder), refused, `bit ${bit}`);
  }
});

test("a share that was sealed to someone else is not ours, and says to whom it was", () => {
  const other = Secret.take(systemRandom(32));
  const stranger = { publicKey: x25519PublicKey(other.reveal()), privateKey: other };
  assert.equal(openShare(sealed, stranger), null);
  assert.equal(peekShare(sealed).holder, holderId(holder.publicKey));
  const claimed = Uint8Array.from(sealed);
  claimed.set(fromHex(holderId(stranger.publicKey), "id"), 5);
  assert.throws(
    () => openShare(claimed, stranger),
    (error) => isKeywardError(error, "integrity"),
  );
});

test("each fact is bound: no share opens as another volume's, node's or generation's", () => {
  const others: Partial<Record<keyof SealedShareFacts, unknown>> = {
    node: "db2",
    volume: "logs",
    uuid: "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f1",
    generation: 2,
    index: 2,
    count: 6,
    threshold: 2,
  };
  for (const [name, value] of Object.entries(others)) {
    const wrong = { ...facts, [name]: value } as SealedShareFacts;
    const head = sealShare(wrong, holder.publicKey, Secret.fromText("a share"), systemRandom);
    const size = 38 + wrong.node.length + wrong.volume.length;
    const moved = concat(
      head.subarray(0, size),
      sealed.subarray(38 + facts.node.length + facts.volume.length),
    );
    assert.throws(
      () => openShare(moved, holder),
      (error) => isKeywardError(error, "integrity"),
      name,
    );
  }
});

test("facts that cannot be are neither sealed nor read", () => {
  const share = Secret.fromText("x");
  const wrong: Partial<Record<keyof SealedShareFacts, unknown>>[] = [
    { node: "" },
    { node: "-x" },
    { node: "n".repeat(254) },
    { volume: "a/b" },
    { volume: "control" },
    { uuid: "0F1E2D3C-4b5a-6978-8796-a5b4c3d2e1f0" },
    { generation: 0 },
    { generation: 1.5 },
    { generation: 0x1_0000_0000 },
    { index: 0 },
    { index: 6 },
    { count: 33, threshold: 3 },
    { threshold: 1 },
    { threshold: 6 },
  ];
  for (const one of wrong)
    assert.throws(
      () => sealShare({ ...facts, ...one } as SealedShareFacts, holder.publicKey, share, systemRandom),
      refused,
      JSON.stringify(one),
    );
  const zero = Uint8Array.from(sealed);
  zero[33] = 0;
  assert.throws(() => peekShare(zero), refused);
});

test("a share of more than 1,024 bytes, an empty one and a key of low order are refused", () => {
  for (const size of [0, 1025])
    assert.throws(
      () => sealShare(facts, holder.publicKey, Secret.take(new Uint8Array(size)), systemRandom),
      (error) => isKeywardError(error, "too-large"),
    );
  assert.throws(() => sealShare(facts, new Uint8Array(32), Secret.fromText("x"), systemRandom), refused);
});

test("as text it is one block: line ends of other systems pass, a changed or a second block does not", () => {
  const text = formatSealedShare(sealed);
  const again = (changed: string) => parseSealedShare(utf8(changed), "x");
  assert.deepEqual(again(text), sealed);
  assert.deepEqual(again(`\n${text.replaceAll("\n", "\r\n")}\n`), sealed);
  for (const changed of [text + text, `x${text}`, text.replace("SEALED", "OPEN"), text.slice(0, -3), ""])
    assert.throws(() => again(changed), refused);
  assert.throws(
    () => again(text + " ".repeat(4096)),
    (error) => isKeywardError(error, "too-large"),
  );
});
