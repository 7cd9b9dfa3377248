import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { type FakeKms, fakeAccount, startFakeKms } from "../../test/kms/fake-kms.ts";
import { createAwsKms } from "../adapters/aws-kms/aws-kms.ts";
import { toBase64, toHex } from "../base/bytes.ts";
import { type ErrorCode, isKeywardError, KeywardError } from "../base/errors.ts";
import { Secret } from "../base/secret.ts";
import type { UnixMs } from "../base/time.ts";
import { systemRandom } from "../crypto/random.ts";
import type { Kms } from "../model/kms.ts";
import { openMemory } from "../store/memory.ts";
import type { Store } from "../store/store.ts";
import { createTransact } from "../store/transaction.ts";
import { createRootKey } from "./root-key.ts";
import { type SealInput, type SealRow, seals } from "./seal.ts";

let fake: FakeKms;
let arn = "";
let kms: Kms;
before(async () => {
  fake = await startFakeKms();
  arn = fake.service.createKey();
  process.env.AWS_ENDPOINT_URL = fake.endpoint;
  process.env.AWS_ACCESS_KEY_ID = fakeAccount.accessKeyId;
  process.env.AWS_SECRET_ACCESS_KEY = fakeAccount.secretAccessKey;
  kms = createAwsKms({
    environment: { AWS_REGION: fake.region },
    limits: { tryMs: 300, callMs: 2_000, keepMs: 0, tries: 1 },
  });
});
after(async () => {
  kms.close();
  await fake.stop();
});

const cost = { N: 16_384, r: 8, p: 1 };
const clock = () => 1_700_000_000_000 as UnixMs;
const code = (wanted: ErrorCode) => (error: unknown) => isKeywardError(error, wanted);
const input = (keyId?: string): SealInput => ({
  kind: "aws-kms",
  kms,
  ...(keyId === undefined ? {} : { keyId }),
});
const passphrase = (): SealInput => ({
  kind: "passphrase",
  passphrase: Secret.fromText("six odd words make a phrase"),
});

async function house(store: Store = openMemory()) {
  const transact = createTransact(store);
  const rootKey = createRootKey({ transact, clock, random: systemRandom, cost });
  await rootKey.load();
  return { store, transact, rootKey };
}

const rowsOf = async (store: Store): Promise<SealRow[]> =>
  await createTransact(store)((tx) => seals.list(tx));
const change = (store: Store, row: SealRow): Promise<void> =>
  createTransact(store)((tx) => void seals.put(tx, row));

test("a root key sealed by AWS KMS opens after a restart, without a person", async () => {
  const first = await house();
  const [info] = await first.rootKey.initialise([input(arn)]);
  assert.match(info?.id ?? "", /^aws-kms-[0-9a-f]{8}$/);
  assert.equal(info?.detail, `AWS KMS, ${arn}`);
  const box = first.rootKey.seal("data-key", ["a"], Secret.fromText("value"));
  const second = await house(first.store);
  assert.equal(second.rootKey.state, "sealed");
  await second.rootKey.unseal(input());
  assert.equal(Buffer.from(second.rootKey.open("data-key", ["a"], box).reveal()).toString(), "value");
});

test("KMS never sees the root key, and the store holds neither it nor the data key", async () => {
  fake.calls.length = 0;
  const drawn: Uint8Array[] = [];
  const store = openMemory();
  const rootKey = createRootKey({
    transact: createTransact(store),
    clock,
    random: (length) => {
      const bytes = systemRandom(length);
      drawn.push(bytes.slice());
      return bytes;
    },
    cost,
  });
  await rootKey.load();
  await rootKey.initialise([input(arn)]);
  const [row] = await rowsOf(store);
  assert.ok(row?.derivation.kind === "aws-kms");
  const { plain } = await kms.decrypt(Buffer.from(row.derivation.blob, "base64"), {
    context: { "keyward:purpose": "root-key", "keyward:seal": row.id },
  });
  const root = drawn[0] ?? new Uint8Array();
  assert.equal(root.length, 32);
  const asked = JSON.stringify(fake.calls);
  const kept = JSON.stringify(row);
  for (const text of [asked, kept])
    for (const secret of [root, plain.reveal()])
      for (const form of [toHex(secret), toBase64(secret)]) assert.ok(!text.includes(form));
});

test("its blob is bound to the seal: KMS opens it for no other context", async () => {
  const { store, rootKey } = await house();
  await rootKey.initialise([input(arn)]);
  const [row] = await rowsOf(store);
  assert.ok(row?.derivation.kind === "aws-kms");
  const blob = Buffer.from(row.derivation.blob, "base64");
  await assert.rejects(kms.decrypt(blob), code("wrong-key"));
  const other = { "keyward:purpose": "root-key", "keyward:seal": "aws-kms-00000000" };
  await assert.rejects(kms.decrypt(blob, { context: other }), code("wrong-key"));
});

test("every changed part of the record is found", async () => {
  const { store, rootKey } = await house();
  await rootKey.initialise([input(arn)]);
  const [row] = await rowsOf(store);
  assert.ok(row?.derivation.kind === "aws-kms");
  const { derivation } = row;
  const flipped = (text: string): string => {
    const bytes = Buffer.from(text, "base64");
    bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
    return bytes.toString("base64");
  };
  const other = fake.service.createKey();
  for (const changed of [
    { ...row, box: flipped(row.box) },
    { ...row, check: flipped(row.check) },
    { ...row, root: "0".repeat(32) },
    { ...row, created: (row.created + 1) as UnixMs },
    { ...row, derivation: { ...derivation, blob: flipped(derivation.blob) } },
    { ...row, derivation: { ...derivation, blob: "" } },
    { ...row, derivation: { ...derivation, salt: flipped(derivation.salt) } },
    { ...row, derivation: { ...derivation, key: other } },
    { ...row, derivation: { ...derivation, key: "alias/mine" } },
    { ...row, derivation: { ...derivation, kind: "vault" as "file" } },
  ]) {
    await change(store, changed);
    const again = await house(store);
    await assert.rejects(again.rootKey.unseal(input()), (error) => {
      assert.ok(isKeywardError(error), String(error));
      assert.ok(["integrity", "wrong-key"].includes(error.code), error.code);
      return true;
    });
    assert.equal(again.rootKey.state, "sealed");
  }
});

test("a seal by a key that cannot be used now does not keep another one from opening", async () => {
  const { store, rootKey } = await house();
  const second = fake.service.createKey();
  await rootKey.initialise([input(arn), input(second), passphrase()]);
  for (const row of await rowsOf(store)) {
    if (row.derivation.kind !== "aws-kms") continue;
    fake.service.run("DisableKey", { KeyId: row.derivation.key });
    const again = await house(store);
    const opened = await again.rootKey.unseal(input());
    assert.notEqual(opened.id, row.id);
    fake.service.run("EnableKey", { KeyId: row.derivation.key });
  }
  for (const key of [arn, second]) fake.service.run("DisableKey", { KeyId: key });
  const again = await house(store);
  await assert.rejects(again.rootKey.unseal(input()), code("conflict"));
  assert.equal((await again.rootKey.unseal(passphrase())).kind, "passphrase");
  for (const key of [arn, second]) fake.service.run("EnableKey", { KeyId: key });
});

test("a store whose seal was exchanged for one under a stranger's key is refused where keys are listed", async () => {
  const strangers = fake.service.createKey();
  const { store, rootKey } = await house();
  await rootKey.initialise([input(strangers)]);
  const strict = createAwsKms({ environment: { AWS_REGION: fake.region }, allow: [arn] });
  const again = await house(store);
  await assert.rejects(again.rootKey.unseal({ kind: "aws-kms", kms: strict }), code("denied"));
  strict.close();
});

test("without such a seal, or a key id, or a service that answers, the error says so", async () => {
  const { store, rootKey } = await house();
  await assert.rejects(rootKey.initialise([input()]), code("usage"));
  await rootKey.initialise([passphrase()]);
  const again = await house(store);
  await assert.rejects(again.rootKey.unseal(input()), (error) => {
    assert.ok(error instanceof KeywardError);
    assert.equal(error.message, "no seal is opened by a key of AWS KMS");
    assert.equal(error.hint, "use the passphrase");
    return true;
  });
  fake.troubles.push({ kind: "silence" });
  await assert.rejects(rootKey.prepareSeal(input(arn)), code("timeout"));
});
