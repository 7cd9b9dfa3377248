/**
 * What the service promises and our adapter relies on, asked through the adapter and the real library: the fake
 * beside this file and PyPI's moto both hold themselves to it.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import {
  CreateAliasCommand,
  CreateKeyCommand,
  DisableKeyCommand,
  EnableKeyCommand,
  KMSClient,
  ReEncryptCommand,
  ScheduleKeyDeletionCommand,
  UpdateAliasCommand,
} from "@aws-sdk/client-kms";
import { createAwsKms } from "../../src/adapters/aws-kms/aws-kms.ts";
import { type ErrorCode, isKeywardError } from "../../src/base/errors.ts";
import { Secret } from "../../src/base/secret.ts";
import type { Kms } from "../../src/model/kms.ts";
import type { Account } from "./signature.ts";

export interface Running {
  readonly endpoint: string;
  readonly region: string;
  readonly account: Account;
  stop(): Promise<void>;
}

export function kmsContract(
  name: string,
  start: () => Promise<Running>,
  options: {
    readonly skip?: string | false;
    /** Why it lets a disabled key be used; absent when it does not. */
    readonly stateless?: string;
  } = {},
): void {
  describe(`KMS as ${name} has it`, { skip: options.skip ?? false }, () => {
    let running: Running;
    let kms: Kms;
    let admin: KMSClient;
    before(async () => {
      running = await start();
      const { endpoint, region, account } = running;
      process.env.AWS_ENDPOINT_URL = endpoint;
      process.env.AWS_ACCESS_KEY_ID = account.accessKeyId;
      process.env.AWS_SECRET_ACCESS_KEY = account.secretAccessKey;
      process.env.AWS_CONFIG_FILE = "/nonexistent";
      process.env.AWS_SHARED_CREDENTIALS_FILE = "/nonexistent";
      kms = createAwsKms({ environment: { AWS_REGION: region }, limits: { keepMs: 0 } });
      admin = new KMSClient({ region });
    });
    after(async () => {
      kms.close();
      admin.destroy();
      await running.stop();
    });

    const key = async (): Promise<string> =>
      (await admin.send(new CreateKeyCommand({}))).KeyMetadata?.Arn ?? assert.fail();
    const idOf = (arn: string): string => arn.split("/")[1] ?? "";
    const refused = (work: Promise<unknown>, ...codes: ErrorCode[]): Promise<void> =>
      assert.rejects(
        work,
        (error) => codes.some((code) => isKeywardError(error, code)) || assert.fail(String(error)),
      );

    test("a data key has 32 bytes, another each time, and its blob opens to it", async () => {
      const arn = await key();
      const [one, two] = [await kms.generateDataKey(arn), await kms.generateDataKey(arn)];
      assert.equal(one.plain.length, 32);
      assert.equal(one.plain.equals(two.plain), false);
      assert.equal(one.keyArn, arn);
      const opened = await kms.decrypt(one.blob);
      assert.ok(opened.plain.equals(one.plain));
      assert.equal(opened.keyArn, arn);
    });

    test("a secret of 1 byte and one of 4,096 bytes come back as they were", async () => {
      const arn = await key();
      for (const length of [1, 4096]) {
        const secret = Secret.take(new Uint8Array(length).fill(7));
        const { blob, keyArn } = await kms.encrypt(arn, secret);
        assert.equal(keyArn, arn);
        assert.ok((await kms.decrypt(blob, { keyId: arn })).plain.equals(secret), `${length} bytes`);
      }
    });

    test("a key is known by its id, its ARN and its alias, and an alias can be moved", async () => {
      const [first, second] = [await key(), await key()];
      await admin.send(new CreateAliasCommand({ AliasName: "alias/contract", TargetKeyId: first }));
      assert.equal((await kms.generateDataKey("alias/contract")).keyArn, first);
      assert.equal((await kms.generateDataKey(idOf(first))).keyArn, first);
      await admin.send(new UpdateAliasCommand({ AliasName: "alias/contract", TargetKeyId: second }));
      assert.equal((await kms.generateDataKey("alias/contract")).keyArn, second);
    });

    test("a context is needed again, all of it, in whatever order", async () => {
      const arn = await key();
      const { blob, plain } = await kms.generateDataKey(arn, { b: "2", a: "1" });
      const opened = await kms.decrypt(blob, { context: { a: "1", b: "2" } });
      assert.ok(opened.plain.equals(plain));
      for (const context of [{}, { a: "1" }, { a: "1", b: "3" }, { a: "1", b: "2", c: "3" }])
        await refused(kms.decrypt(blob, { context }), "wrong-key");
    });

    test("a changed blob does not open", async () => {
      const { blob } = await kms.generateDataKey(await key());
      const changed = Uint8Array.from(blob);
      changed[blob.length - 1] = (changed[blob.length - 1] ?? 0) ^ 1;
      await refused(kms.decrypt(changed), "wrong-key");
      await refused(kms.decrypt(Uint8Array.of(1, 2, 3)), "wrong-key");
    });

    test("a blob is opened by the key that is asked for, or not at all", async () => {
      const [own, other] = [await key(), await key()];
      const { blob } = await kms.generateDataKey(own);
      // The service says IncorrectKeyException, moto AccessDeniedException.
      await refused(kms.decrypt(blob, { keyId: other }), "wrong-key", "denied");
    });

    test("what was wrapped anew under another key opens to the same", async () => {
      const [from, to] = [await key(), await key()];
      const { blob, plain } = await kms.generateDataKey(from);
      const { CiphertextBlob } = await admin.send(
        new ReEncryptCommand({ CiphertextBlob: blob, DestinationKeyId: to }),
      );
      const opened = await kms.decrypt(CiphertextBlob ?? new Uint8Array());
      assert.ok(opened.plain.equals(plain));
      assert.equal(opened.keyArn, to);
    });

    test("a key that is not there is told as such", async () => {
      await refused(kms.generateDataKey("00000000-0000-4000-8000-000000000000"), "not-found");
      await refused(kms.generateDataKey("alias/none"), "not-found");
    });

    test("a key that is disabled, or waits for its deletion, is not used", {
      skip: options.stateless ?? false,
    }, async () => {
      const arn = await key();
      const { blob } = await kms.generateDataKey(arn);
      await admin.send(new DisableKeyCommand({ KeyId: idOf(arn) }));
      await refused(kms.generateDataKey(arn), "conflict");
      await refused(kms.decrypt(blob), "conflict");
      await admin.send(new EnableKeyCommand({ KeyId: idOf(arn) }));
      assert.equal((await kms.decrypt(blob)).keyArn, arn);
      await admin.send(new ScheduleKeyDeletionCommand({ KeyId: idOf(arn), PendingWindowInDays: 7 }));
      await refused(kms.decrypt(blob), "conflict");
    });
  });
}
