/** PyPI's awscli, another client than ours, against the fake: what the fake demands of a signature, it gives. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { promisify } from "node:util";
import { createAwsKms } from "../../src/adapters/aws-kms/aws-kms.ts";
import { Secret } from "../../src/base/secret.ts";
import { type FakeKms, startFakeKms } from "../kms/fake-kms.ts";
import { pythonPeer } from "./python.ts";

const awscli = await pythonPeer("awscli", ["awscli==1.46.3"]);

describe("awscli and our adapter", { skip: awscli.skip }, () => {
  let fake: FakeKms;
  let folder = "";
  const kms = createAwsKms({ environment: { AWS_REGION: "eu-west-1" } });
  before(async () => {
    folder = mkdtempSync(path.join(tmpdir(), "keyward-awscli-"));
    fake = await startFakeKms();
    Object.assign(process.env, {
      AWS_ENDPOINT_URL: fake.endpoint,
      AWS_ACCESS_KEY_ID: fake.account.accessKeyId,
      AWS_SECRET_ACCESS_KEY: fake.account.secretAccessKey,
    });
  });
  after(async () => {
    kms.close();
    rmSync(folder, { recursive: true });
    await fake.stop();
  });

  async function aws(words: readonly string[], secret = fake.account.secretAccessKey) {
    const { stdout } = await promisify(execFile)(path.join(awscli.bin ?? "", "aws"), ["kms", ...words], {
      env: {
        PATH: process.env.PATH,
        HOME: "/nonexistent",
        AWS_ENDPOINT_URL: fake.endpoint,
        AWS_ACCESS_KEY_ID: fake.account.accessKeyId,
        AWS_SECRET_ACCESS_KEY: secret,
        AWS_DEFAULT_REGION: fake.region,
        AWS_DEFAULT_OUTPUT: "json",
      },
    });
    return JSON.parse(stdout);
  }

  test("a data key that awscli asks for is opened by us, with its context", async () => {
    const key = fake.service.createKey();
    const made = await aws([
      "generate-data-key",
      "--key-id",
      key,
      "--key-spec",
      "AES_256",
      "--encryption-context",
      "a=1,b=2",
    ]);
    const { plain, keyArn } = await kms.decrypt(Buffer.from(made.CiphertextBlob, "base64"), {
      context: { b: "2", a: "1" },
    });
    assert.equal(keyArn, key);
    assert.equal(Buffer.from(plain.reveal()).toString("base64"), made.Plaintext);
  });

  test("what we wrap is opened by awscli", async () => {
    const { blob } = await kms.encrypt(fake.service.createKey(), Secret.fromText("correct horse"));
    const file = path.join(folder, "blob");
    writeFileSync(file, blob);
    const opened = await aws(["decrypt", "--ciphertext-blob", `fileb://${file}`]);
    assert.equal(Buffer.from(opened.Plaintext, "base64").toString(), "correct horse");
  });

  test("a wrong secret access key is refused to it as well", async () => {
    await assert.rejects(aws(["list-keys"], "another"), /InvalidSignatureException/);
  });
});
