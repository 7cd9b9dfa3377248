import assert from "node:assert/strict";
import { after, before, beforeEach, describe, test } from "node:test";
import { kmsContract } from "../../../test/kms/contract.ts";
import { type FakeKms, fakeAccount, startFakeKms } from "../../../test/kms/fake-kms.ts";
import { load } from "../../../test/vectors/secretary/load.ts";
import { fromBase64, toHex } from "../../base/bytes.ts";
import { type ErrorCode, isKeywardError, KeywardError } from "../../base/errors.ts";
import { Secret } from "../../base/secret.ts";
import { openKms, parseKms, sealKms } from "../../formats/secretary/kms.ts";
import type { Kms } from "../../model/kms.ts";
import { type AwsKmsLimits, type AwsKmsOptions, createAwsKms } from "./aws-kms.ts";

kmsContract("the fake", startFakeKms);

describe("the adapter", () => {
  let fake: FakeKms;
  let arn = "";
  let kms: Kms;
  const made: Kms[] = [];
  const quick: Partial<AwsKmsLimits> = { callMs: 4_000, tryMs: 300, connectMs: 300, keepMs: 0 };
  const create = (options: Partial<AwsKmsOptions> = {}): Kms => {
    const one = createAwsKms({ environment: { AWS_REGION: fake.region }, limits: quick, ...options });
    made.push(one);
    return one;
  };
  before(async () => {
    fake = await startFakeKms();
    arn = fake.service.createKey();
  });
  beforeEach(() => {
    use(fake.endpoint);
    fake.calls.length = 0;
    fake.troubles.length = 0;
    fake.skewMs = 0;
    fake.delayMs = 0;
    kms = create();
  });
  after(async () => {
    for (const one of made) one.close();
    await fake.stop();
  });

  function use(endpoint: string): void {
    process.env.AWS_ENDPOINT_URL = endpoint;
    process.env.AWS_ACCESS_KEY_ID = fakeAccount.accessKeyId;
    process.env.AWS_SECRET_ACCESS_KEY = fakeAccount.secretAccessKey;
  }

  async function refusal(work: Promise<unknown>, code: ErrorCode): Promise<KeywardError> {
    try {
      await work;
    } catch (error) {
      if (isKeywardError(error, code)) return error;
      throw error;
    }
    throw new Error("was not refused");
  }

  test("asks as the recorded exchanges of the original do, and opens what it sealed", async () => {
    const { cases, kmsKeyId } = load("kms");
    let seen = 0;
    for (const { name, awsCalls, envelope, plaintext_b64: plain, dataKey_hex: dataKey } of cases) {
      if (awsCalls === undefined) continue;
      seen++;
      for (const [operation, [exchange]] of [
        ["GenerateDataKey", awsCalls.encrypt],
        ["Decrypt", awsCalls.decrypt],
      ])
        fake.recorded.push({ operation, body: exchange.requestBody, answer: exchange.responseBody });
      const { encryptedDataKey } = parseKms(envelope, name);
      const opened = await kms.decrypt(encryptedDataKey);
      assert.equal(toHex(opened.plain.reveal()), dataKey);
      assert.deepEqual(
        openKms(opened.plain, parseKms(envelope, name), name).reveal(),
        fromBase64(plain, name),
      );
      const wrapped = await kms.generateDataKey(kmsKeyId);
      assert.equal(toHex(wrapped.plain.reveal()), dataKey);
      assert.deepEqual(wrapped.blob, encryptedDataKey);
      fake.recorded.length = 0;
    }
    assert.ok(seen >= 2);
  });

  test("one value goes round: data key, envelope, opened by its blob alone", async () => {
    const key = await kms.generateDataKey(arn);
    const text = sealKms(key.plain, key.blob, new Uint8Array(24).fill(9), Buffer.from("value"));
    const envelope = parseKms(text, "text");
    const { plain } = await kms.decrypt(envelope.encryptedDataKey);
    assert.equal(Buffer.from(openKms(plain, envelope, "text").reveal()).toString(), "value");
    assert.deepEqual(
      fake.calls.map(({ operation, body }) => [operation, Object.keys(body).sort()]),
      [
        ["GenerateDataKey", ["KeyId", "NumberOfBytes"]],
        ["Decrypt", ["CiphertextBlob"]],
      ],
    );
  });

  test("equal questions at the same time are one call, and each asker has a copy of its own", async () => {
    const { blob, plain } = await kms.generateDataKey(arn);
    fake.calls.length = 0;
    fake.delayMs = 50;
    const answers = await Promise.all(Array.from({ length: 100 }, () => kms.decrypt(blob)));
    assert.equal(fake.calls.length, 1);
    answers[0]?.plain.wipe();
    assert.ok(answers.slice(1).every((one) => one.plain.equals(plain)));
  });

  test("questions that differ in context or key are calls of their own", async () => {
    const { blob } = await kms.generateDataKey(arn, { a: "1" });
    fake.calls.length = 0;
    fake.delayMs = 50;
    await Promise.allSettled([
      kms.decrypt(blob, { context: { a: "1" } }),
      kms.decrypt(blob, { context: { a: "2" } }),
      kms.decrypt(blob, { context: { a: "1" }, keyId: arn }),
    ]);
    assert.equal(fake.calls.length, 3);
  });

  test("an answer is kept as long as said, and a refusal not at all", async () => {
    const keeping = create({ limits: { ...quick, keepMs: 200 } });
    const { blob } = await kms.generateDataKey(arn);
    fake.calls.length = 0;
    for (let i = 0; i < 3; i++) await keeping.decrypt(blob);
    assert.equal(fake.calls.length, 1);
    await new Promise((resolve) => setTimeout(resolve, 300));
    await keeping.decrypt(blob);
    assert.equal(fake.calls.length, 2);
    const bad = Uint8Array.of(1);
    for (let i = 0; i < 2; i++) await refusal(keeping.decrypt(bad), "wrong-key");
    assert.equal(fake.calls.length, 4);
  });

  test("many different questions are so many at a time, over so few connections", async () => {
    const few = create({ limits: { ...quick, atOnce: 4, tryMs: 4_000 } });
    const blobs = await Promise.all(Array.from({ length: 60 }, () => few.generateDataKey(arn)));
    const opened = await Promise.all(blobs.map(({ blob }) => few.decrypt(blob)));
    assert.ok(opened.every(({ plain }, i) => plain.equals(blobs[i]?.plain ?? Secret.fromText(""))));
    assert.equal(fake.calls.length, 120);
  });

  test("throttling, failures of the service and lost connections are tried again", async () => {
    for (const trouble of [
      { kind: "error", status: 400, name: "ThrottlingException" },
      { kind: "error", status: 500, name: "KMSInternalException" },
      { kind: "error", status: 503, name: "ServiceUnavailable" },
      { kind: "hang-up" },
      { kind: "silence" },
    ] as const) {
      fake.calls.length = 0;
      fake.troubles.push(trouble);
      assert.equal((await kms.generateDataKey(arn)).keyArn, arn, JSON.stringify(trouble));
      assert.equal(fake.calls.length, 2);
    }
  });

  test("and after three tries they are an error that names key and region", async () => {
    for (const [trouble, code] of [
      [{ kind: "error", status: 400, name: "ThrottlingException" }, "rate-limited"],
      [{ kind: "error", status: 500, name: "KMSInternalException" }, "unreachable"],
      [{ kind: "hang-up" }, "unreachable"],
      [{ kind: "silence" }, "timeout"],
    ] as const) {
      fake.calls.length = 0;
      fake.troubles.push(trouble, trouble, trouble, trouble);
      const error = await refusal(kms.generateDataKey(arn), code);
      assert.match(error.message, new RegExp(`^KMS key "?${arn}"?, region "?eu-west-1"?: `));
      assert.equal(fake.calls.length, 3, JSON.stringify(trouble));
      fake.troubles.length = 0;
    }
  });

  test("a call has a time limit, its retries included", async () => {
    const impatient = create({ limits: { ...quick, callMs: 200, tryMs: 150, tries: 10 } });
    fake.troubles.push(...Array.from({ length: 10 }, () => ({ kind: "silence" }) as const));
    const started = performance.now();
    await refusal(impatient.generateDataKey(arn), "timeout");
    assert.ok(performance.now() - started < 2_000);
  });

  test("a clock that is wrong by an hour is corrected by the service's own", async () => {
    for (const skew of [3_600_000, -3_600_000]) {
      fake.skewMs = skew;
      assert.equal((await create().generateDataKey(arn)).keyArn, arn);
    }
  });

  test("what the service refuses has its code, and is not tried again", async () => {
    for (const [name, code] of [
      ["AccessDeniedException", "denied"],
      ["UnrecognizedClientException", "denied"],
      ["ExpiredTokenException", "denied"],
      ["NotFoundException", "not-found"],
      ["DisabledException", "conflict"],
      ["KMSInvalidStateException", "conflict"],
      ["InvalidCiphertextException", "wrong-key"],
      ["IncorrectKeyException", "wrong-key"],
      ["ValidationException", "usage"],
      ["SomethingNewException", "denied"],
    ] as const) {
      fake.calls.length = 0;
      fake.troubles.push({ kind: "error", status: 400, name });
      const error = await refusal(kms.generateDataKey(arn), code);
      assert.match(error.message, new RegExp(name));
      assert.doesNotMatch(error.message, /told to say so/);
      assert.equal(fake.calls.length, 1, name);
    }
  });

  test("an answer that is none is malformed, and nothing of it is repeated", async () => {
    const key = (length: number): string => Buffer.alloc(length, 1).toString("base64");
    for (const body of [
      "",
      "{}",
      "[]",
      "<html>canary</html>",
      '{"Plaintext":"canary canary canary","CiphertextBlob":"AQ==","KeyId":"k"}',
      `{"Plaintext":"${key(31)}","CiphertextBlob":"AQ==","KeyId":"k"}`,
      `{"Plaintext":"${key(33)}","CiphertextBlob":"AQ==","KeyId":"k"}`,
      `{"Plaintext":"${key(32)}","KeyId":"k"}`,
      `{"Plaintext":"${key(32)}","CiphertextBlob":"AQ=="}`,
    ]) {
      fake.troubles.push({ kind: "raw", status: 200, body });
      const error = await refusal(kms.generateDataKey(arn), "malformed");
      assert.doesNotMatch(`${error.message} ${error.hint}`, /canary/);
      assert.equal(error.cause, undefined);
    }
  });

  test("an answer without end is cut off", async () => {
    fake.troubles.push({ kind: "flood" }, { kind: "flood" }, { kind: "flood" });
    await refusal(kms.generateDataKey(arn), "malformed");
  });

  test("only allowed keys are used, whatever an alias or a blob names", async () => {
    const other = fake.service.createKey();
    fake.service.run("CreateAlias", { AliasName: "alias/allowed", TargetKeyId: arn });
    const strict = create({ allow: [arn] });
    assert.equal((await strict.generateDataKey("alias/allowed")).keyArn, arn);
    fake.service.run("UpdateAlias", { AliasName: "alias/allowed", TargetKeyId: other });
    const error = await refusal(strict.generateDataKey("alias/allowed"), "denied");
    assert.match(error.message, /is not one of the allowed keys/);
    await refusal(strict.encrypt(other, Secret.fromText("x")), "denied");
    const { blob } = await kms.generateDataKey(other);
    await refusal(strict.decrypt(blob), "denied");
    assert.throws(() => create({ allow: ["alias/allowed"] }), KeywardError);
  });

  test("a key that names its region is asked for there", async () => {
    const far = await startFakeKms({ region: "us-east-2" });
    try {
      use(far.endpoint);
      const key = far.service.createKey();
      assert.equal((await create().generateDataKey(key)).keyArn, key);
    } finally {
      await far.stop();
    }
  });

  test("AWS_DEFAULT_REGION is the region when there is no AWS_REGION", async () => {
    const env = { AWS_DEFAULT_REGION: fake.region };
    assert.equal((await create({ environment: env }).generateDataKey("alias/allowed")).blob.length > 0, true);
  });

  test("without a region, or without credentials, the error says what to set", async () => {
    Object.assign(process.env, { AWS_EC2_METADATA_DISABLED: "true", AWS_CONFIG_FILE: "/nonexistent" });
    process.env.AWS_SHARED_CREDENTIALS_FILE = "/nonexistent";
    delete process.env.AWS_REGION;
    const nowhere = await refusal(create({ environment: {} }).generateDataKey("alias/allowed"), "local");
    assert.match(nowhere.hint ?? "", /AWS_REGION/);
    delete process.env.AWS_ACCESS_KEY_ID;
    const nobody = await refusal(create().generateDataKey(arn), "local");
    assert.match(nobody.hint ?? "", /AWS_PROFILE/);
  });

  test("the old names of the credentials are known too", async () => {
    delete process.env.AWS_ACCESS_KEY_ID;
    delete process.env.AWS_SECRET_ACCESS_KEY;
    const environment = {
      AWS_REGION: fake.region,
      AWS_ACCESS_KEY: fakeAccount.accessKeyId,
      AWS_SECRET_KEY: fakeAccount.secretAccessKey,
    };
    assert.equal((await create({ environment }).generateDataKey(arn)).keyArn, arn);
  });

  test("a wrong secret access key is denied, and the hint speaks of the clock too", async () => {
    process.env.AWS_SECRET_ACCESS_KEY = "another";
    const error = await refusal(create().generateDataKey(arn), "denied");
    assert.match(error.hint ?? "", /clock/);
  });

  test("no secret goes to an endpoint without TLS that is not this machine's", async () => {
    use("http://kms.example.invalid:8080");
    const error = await refusal(create().encrypt(arn, Secret.fromText("x")), "local");
    assert.match(error.message, /is not reached by TLS/);
  });

  test("who cannot be reached, or has no name, is unreachable", async () => {
    for (const endpoint of ["http://127.0.0.1:1", "https://kms.example.invalid"]) {
      use(endpoint);
      await refusal(create().generateDataKey(arn), "unreachable");
    }
  });

  test("a key id that cannot be one, and sizes that KMS does not take, are refused without a call", async () => {
    await refusal(kms.generateDataKey("a key\n"), "usage");
    await refusal(kms.decrypt(new Uint8Array(6145)), "too-large");
    await refusal(kms.decrypt(new Uint8Array(0)), "malformed");
    await refusal(kms.encrypt(arn, Secret.take(new Uint8Array(4097))), "too-large");
    assert.equal(fake.calls.length, 0);
  });

  test("every request is signed anew, with date, target and content type under the signature", async () => {
    await kms.generateDataKey(arn);
    const { headers } = fake.calls[0] ?? assert.fail();
    assert.equal(headers["x-amz-target"], "TrentService.GenerateDataKey");
    assert.equal(headers["content-type"], "application/x-amz-json-1.1");
    assert.match(
      headers.authorization ?? "",
      /SignedHeaders=[a-z0-9;-]*host[a-z0-9;-]*x-amz-date[a-z0-9;-]*x-amz-target/,
    );
  });
});
