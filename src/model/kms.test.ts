import assert from "node:assert/strict";
import { test } from "node:test";
import { isKeywardError } from "../base/errors.ts";
import { parseKmsKeyArn, parseKmsKeyId } from "./kms.ts";

const usage = (error: unknown): boolean => isKeywardError(error, "usage");
const id = "1234abcd-12ab-34cd-56ef-1234567890ab";

test("a key's ARN is one in each of Amazon's partitions, and for multi-region keys", () => {
  for (const text of [
    `arn:aws:kms:eu-west-1:111122223333:key/${id}`,
    `arn:aws-cn:kms:cn-north-1:111122223333:key/${id}`,
    `arn:aws-us-gov:kms:us-gov-west-1:111122223333:key/${id}`,
    "arn:aws:kms:us-east-1:111122223333:key/mrk-1234abcd12ab34cd56ef1234567890ab",
  ])
    assert.equal(parseKmsKeyArn(text, "list"), text);
});

test("an alias, a bare id, a pattern and an ARN of something else are no key's ARN", () => {
  for (const text of [
    "",
    id,
    "arn:aws:kms:eu-west-1:111122223333:alias/mine",
    "arn:aws:kms:eu-west-1:111122223333:key/*",
    "arn:aws:kms:*:111122223333:key/a",
    `arn:aws:s3:eu-west-1:111122223333:key/${id}`,
    `arn:aws:kms:eu-west-1:111122223333:key/${id}\n`,
    ` arn:aws:kms:eu-west-1:111122223333:key/${id}`,
  ])
    assert.throws(() => parseKmsKeyArn(text, "list"), usage, JSON.stringify(text));
});

test("a key id is an id, an ARN or an alias, and nothing with blanks, line breaks or control characters", () => {
  for (const text of [id, "alias/my_key-1", "alias/aws/ebs", `arn:aws:kms:eu-west-1:111122223333:key/${id}`])
    assert.equal(parseKmsKeyId(text, "flag"), text);
  for (const text of ["", "a b", "a\nb", "a\u0000", "é", "x".repeat(2049)])
    assert.throws(() => parseKmsKeyId(text, "flag"), usage, JSON.stringify(text));
});
