/** Values of AWS KMS through the command line: the real SDK over the wire, against the fake. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { type } from "../cli/world.ts";
import { type FakeKms, fakeAccount, startFakeKms } from "../kms/fake-kms.ts";
import { load } from "../vectors/secretary/load.ts";
import { run } from "./run.ts";

let fake: FakeKms;
let keyId = "";
let env: Record<string, string> = {};

before(async () => {
  fake = await startFakeKms();
  keyId = fake.service.createKey();
  // The SDK reads the process's own environment.
  process.env.AWS_ENDPOINT_URL = fake.endpoint;
  process.env.AWS_ACCESS_KEY_ID = fakeAccount.accessKeyId;
  process.env.AWS_SECRET_ACCESS_KEY = fakeAccount.secretAccessKey;
  env = { AWS_REGION: fake.region };
});
after(() => fake.stop());

const value = Buffer.from("correct horse\n");

test("secretary encrypt --kms-key-id, or KMS_KEY_ID, and decrypt without a key of Secretary's", async () => {
  const flag = await run({ argv: ["encrypt", "--kms-key-id", keyId], env, stdin: value });
  assert.equal(flag.exitCode, 0, flag.stderr);
  assert.ok(flag.stdout.toString().startsWith(`ENC[KMS,${load("kms").constantPrefixBase64First124}`));
  const named = await run({ argv: ["encrypt", "-w"], env: { ...env, KMS_KEY_ID: keyId }, stdin: value });
  for (const { stdout } of [flag, named]) {
    const back = await run({ argv: ["decrypt"], env, stdin: stdout });
    assert.equal(back.exitCode, 0, back.stderr);
    assert.ok(back.stdout.toString().startsWith(value.toString()));
  }
});

test("keyward encrypt --format kms, and a list of keys that may open", async () => {
  const sealed = await type(["encrypt", "--format", "kms", "--kms-key-id", keyId], {
    env,
    stdin: value,
    cwd: "/tmp",
  });
  assert.equal(sealed.status, 0, sealed.stderr);
  assert.match(sealed.stderr, /nothing binds it/);
  const stdin = sealed.stdout;
  assert.equal((await type(["decrypt"], { env, stdin, cwd: "/tmp" })).stdout, "correct horse\n\n");
  const other = { ...env, KEYWARD_KMS_KEYS: fake.service.createKey() };
  const refused = await type(["decrypt"], { env: other, stdin, cwd: "/tmp" });
  assert.equal(refused.status, 4);
  assert.match(refused.stderr, /not one of the allowed keys/);
});

test("KEYWARD_KMS_CONTEXT binds values: they open with it, not without it and not with another", async () => {
  const bound = { ...env, KEYWARD_KMS_CONTEXT: "environment=prod, team=shop" };
  const words = ["encrypt", "--format", "kms", "--kms-key-id", keyId];
  fake.calls.length = 0;
  const sealed = await type(words, { env: bound, stdin: value, cwd: "/tmp" });
  assert.equal(sealed.status, 0, sealed.stderr);
  const stdin = sealed.stdout;
  const open = (context: string | undefined) =>
    type(["decrypt"], {
      env: context === undefined ? env : { ...env, KEYWARD_KMS_CONTEXT: context },
      stdin,
      cwd: "/tmp",
    });
  assert.equal((await open("team=shop,environment=prod")).stdout, "correct horse\n\n");
  for (const other of [undefined, "environment=prod", "environment=stage,team=shop"]) {
    const refused = await open(other);
    assert.notEqual(refused.status, 0, other);
    assert.equal(refused.stdout, "");
  }
  for (const wrong of ["prod", "a=1,a=2", "=x", "a=", `a=${"x".repeat(4096)}`])
    assert.match((await open(wrong)).stderr, /KEYWARD_KMS_CONTEXT: not a list of NAME=VALUE/);
});

test("equal data keys in one environment are one call", async () => {
  const { stdout } = await run({ argv: ["encrypt", "--kms-key-id", keyId], env, stdin: Buffer.from("x") });
  fake.calls.length = 0;
  const environ = ["A", "B", "C"].map((name) => Buffer.from(`${name}=${stdout}`).toString("base64"));
  const ran = await run({ argv: ["decrypt", "-e"], env, environ });
  assert.equal(ran.stdout.toString(), "export A='x'\nexport B='x'\nexport C='x'\n");
  assert.equal(fake.calls.length, 1);
});

interface Recorded {
  readonly name: string;
  readonly envelope: string;
  readonly dataKey_hex: string;
  readonly ciphertextBlob_b64: string;
  readonly plaintext_b64?: string;
  readonly stdout?: string;
  readonly exitCode?: number;
}

/** The service of that account, as recorded: it knows this blob. */
function answers({ ciphertextBlob_b64, dataKey_hex }: Recorded): void {
  fake.recorded.length = 0;
  fake.recorded.push({
    operation: "Decrypt",
    body: JSON.stringify({ CiphertextBlob: ciphertextBlob_b64 }),
    answer: JSON.stringify({
      KeyId: keyId,
      Plaintext: Buffer.from(dataKey_hex, "hex").toString("base64"),
      EncryptionAlgorithm: "SYMMETRIC_DEFAULT",
    }),
  });
}

for (const one of load("kms").cases as readonly Recorded[])
  test(`a recorded value, ${one.name}, opens through the command line`, async () => {
    answers(one);
    const ran = await run({ argv: ["decrypt"], env, stdin: Buffer.from(one.envelope) });
    assert.equal(ran.exitCode, 0, ran.stderr);
    assert.equal(ran.stdout.toString("base64"), one.plaintext_b64);
  });

for (const one of load("kms").foreignGob as readonly Recorded[])
  test(`a foreign gob, ${one.name}: ${one.exitCode === 0 ? "opens" : "is refused, and nothing is printed"}`, async () => {
    answers(one);
    const ran = await run({ argv: ["decrypt"], env, stdin: Buffer.from(one.envelope) });
    assert.equal(ran.exitCode, one.exitCode, ran.stderr);
    assert.equal(ran.stdout.toString(), one.stdout);
    assert.doesNotMatch(ran.stderr, /internal|undefined/i);
  });
