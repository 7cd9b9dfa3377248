import assert from "node:assert/strict";
import { test } from "node:test";
import { bytes, load, privateKey, publicKey } from "../../test/vectors/secretary/load.ts";
import { fromHex, toBase64, utf8 } from "../base/bytes.ts";
import { isKeywardError, KeywardError } from "../base/errors.ts";
import { Secret } from "../base/secret.ts";
import { systemRandom } from "../crypto/random.ts";
import { sealEnvelope } from "../formats/hpke/hpke.ts";
import { createKeyRing } from "../formats/hpke/key-ring.ts";
import { generateRecipient, generateWriter } from "../formats/hpke/keys.ts";
import { deriveBoxKey, generateKeyPair } from "../formats/secretary/keys.ts";
import { sealNacl } from "../formats/secretary/nacl.ts";
import type { Kms } from "../model/kms.ts";
import { createBoxKeys } from "./box-keys.ts";
import { keyFingerprint } from "./fingerprint.ts";
import { createOpening, type Found, type Opening } from "./opening.ts";

const found: Found = { variable: "DB_PASSWORD", what: "DB_PASSWORD" };
const masters = [privateKey("master.private")];
const configs = [publicKey("config.public")];

async function opened(opening: Opening, envelope: string, at = found): Promise<string> {
  return Buffer.from((await opening.open(envelope, at)).value.reveal()).toString();
}

test("each recorded NACL envelope opens to its value", async () => {
  const opening = createOpening({ masters, configs });
  const { cases } = load("nacl-envelopes");
  for (const { envelope, plaintext_b64 } of cases) {
    const { value } = await opening.open(envelope, found);
    assert.equal(toBase64(value.reveal()), plaintext_b64);
  }
  assert.ok(cases.length >= 30);
});

test("values of every generation of keys open, and which keys did it is told", async () => {
  const generations = [1, 2, 3].map(() => ({
    master: generateKeyPair(systemRandom),
    config: generateKeyPair(systemRandom),
  }));
  const opening = createOpening({
    masters: generations.map(({ master }) => master.privateKey),
    configs: generations.map(({ config }) => config.publicKey),
  });
  for (const { master } of generations)
    for (const { config } of generations) {
      const key = deriveBoxKey(config.privateKey, master.publicKey);
      const { value, keys } = await opening.open(sealNacl(key, systemRandom(24), utf8("v")), found);
      assert.equal(Buffer.from(value.reveal()).toString(), "v");
      const expected = `nacl:${keyFingerprint(master.publicKey)}/${keyFingerprint(config.publicKey)}`;
      assert.equal(keys, expected);
    }
});

test("a value of keys that are not here is refused", async () => {
  const stranger = generateKeyPair(systemRandom);
  const key = deriveBoxKey(stranger.privateKey, stranger.publicKey);
  const envelope = sealNacl(key, systemRandom(24), utf8("v"));
  await assert.rejects(createOpening({ masters, configs }).open(envelope, found), (error) =>
    isKeywardError(error, "wrong-key"),
  );
});

test("a kind whose keys are not here is refused by name", async () => {
  const nothing = createOpening({});
  const hpke = "ENC[HPKE,AQ==]";
  for (const [envelope, kind] of [
    [load("nacl-envelopes").cases[0].envelope, "ENC\\[NACL"],
    [load("kms").cases[0].envelope, "ENC\\[KMS"],
    [hpke, "ENC\\[HPKE"],
  ])
    await assert.rejects(
      nothing.open(envelope, found),
      new RegExp(`DB_PASSWORD: not configured for ${kind}`),
    );
  await assert.rejects(nothing.open("ENC[FOO,AAAA]", found), /neither/);
});

test("each recorded KMS envelope opens with its data key, which is wiped, and the key's ARN is told", async () => {
  const { cases } = load("kms");
  const dataKeys = new Map<string, string>(
    cases.map((one: { ciphertextBlob_b64: string; dataKey_hex: string }) => [
      one.ciphertextBlob_b64,
      one.dataKey_hex,
    ]),
  );
  const handed: Secret[] = [];
  const kms: Pick<Kms, "decrypt"> = {
    async decrypt(blob) {
      const plain = Secret.take(fromHex(dataKeys.get(toBase64(blob)) ?? "", "data key"));
      handed.push(plain);
      return { plain, keyArn: "arn:aws:kms:eu-west-1:111122223333:key/1" };
    },
  };
  const opening = createOpening({ kms });
  for (const { envelope, plaintext_b64 } of cases) {
    const { value, keys } = await opening.open(envelope, found);
    assert.equal(toBase64(value.reveal()), plaintext_b64);
    assert.equal(keys, "kms:arn:aws:kms:eu-west-1:111122223333:key/1");
  }
  assert.equal(handed.length, cases.length);
  assert.ok(handed.every(({ length }) => length === 0));
});

test("what KMS refuses is refused as KMS says it", async () => {
  const refusal = new KeywardError("denied", "kms: not allowed");
  const opening = createOpening({ kms: { decrypt: () => Promise.reject(refusal) } });
  await assert.rejects(opening.open(load("kms").cases[0].envelope, found), refusal);
});

test("an HPKE envelope opens under its own environment and variable only", async () => {
  const recipient = generateRecipient(systemRandom);
  const writer = generateWriter(systemRandom);
  const place = { environment: "prod", variable: "DB_PASSWORD" };
  const envelope = sealEnvelope({ recipient: recipient.publicKey, writer, place }, systemRandom, utf8("v"));
  const ring = createKeyRing([recipient], [writer.publicKey]);
  const prod = createOpening({ hpke: { ring, environment: "prod" } });
  assert.equal(await opened(prod, envelope), "v");
  const other: Found = { variable: "OTHER", what: "OTHER" };
  await assert.rejects(prod.open(envelope, other), (error) => isKeywardError(error, "integrity"));
  const stage = createOpening({ hpke: { ring, environment: "stage" } });
  await assert.rejects(stage.open(envelope, found), (error) => isKeywardError(error, "integrity"));
});

test("ten thousand values open in one batch", async () => {
  const opening = createOpening({ masters, configs });
  const { envelope } = load("nacl-envelopes").cases[1];
  const all = await Promise.all(Array.from({ length: 10_000 }, () => opening.open(envelope, found)));
  assert.equal(all.length, 10_000);
});

test("box keys are derived once, and only so many are kept", () => {
  const boxKeys = createBoxKeys(3);
  const master = generateKeyPair(systemRandom).privateKey;
  const others = [1, 2, 3, 4].map(() => generateKeyPair(systemRandom).publicKey);
  const [first, second, third, fourth] = others as [
    (typeof others)[0],
    (typeof others)[0],
    (typeof others)[0],
    (typeof others)[0],
  ];
  const kept = boxKeys.between(master, first);
  boxKeys.between(master, second);
  boxKeys.between(master, third);
  assert.equal(boxKeys.between(master, first), kept);
  const oldest = boxKeys.between(master, second);
  boxKeys.between(master, first);
  boxKeys.between(master, fourth);
  assert.equal(boxKeys.size, 3);
  assert.equal(boxKeys.between(master, first), kept, "used last, and so kept");
  assert.equal(boxKeys.between(master, second), oldest);
  boxKeys.close();
  assert.equal(kept.length, 0, "wiped");
});

test("a config key of low order is refused", async () => {
  const low = new Uint8Array(32) as (typeof configs)[0];
  const opening = createOpening({ masters, configs: [low] });
  const { envelope } = load("nacl-envelopes").cases[0];
  await assert.rejects(opening.open(envelope, found), (error) => isKeywardError(error, "malformed"));
});

test("a recorded value of each damage is refused", async () => {
  const opening = createOpening({ masters, configs });
  const { envelope } = load("nacl-envelopes").cases[1];
  const body = bytes(envelope.slice(9, -1));
  for (let i = 0; i < body.length; i++) {
    const changed = new Uint8Array(body);
    changed[i] = (changed[i] as number) ^ 1;
    await assert.rejects(opening.open(`ENC[NACL,${toBase64(changed)}]`, found), (error) =>
      isKeywardError(error, "wrong-key"),
    );
  }
});
