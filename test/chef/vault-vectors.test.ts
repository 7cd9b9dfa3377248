/** Vaults that the real chef-vault made, opened by each reader that could, and by nobody else. */
import assert from "node:assert/strict";
import { createPrivateKey } from "node:crypto";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { type ErrorCode, isKeywardError } from "../../src/base/errors.ts";
import {
  type ExactJson,
  type ExactObject,
  isExactObject,
  parseExactJson,
} from "../../src/base/exact-json.ts";
import { isSameJson } from "../../src/base/exact-json-same.ts";
import { openVault } from "../../src/chef/vault/vault.ts";
import type { DataBagItemId, DataBagName } from "../../src/model/data-bag.ts";
import { placeOf } from "./bags.ts";

const text = readFileSync(new URL("../vectors/chef/vault.json", import.meta.url), "utf8");
const recorded = object(parseExactJson(text, "vault.json"));
const bag = "secrets" as DataBagName;

function object(value: ExactJson | undefined): ExactObject {
  assert.ok(isExactObject(value));
  return value;
}

/** What chef-vault said, and ours. */
const refusals: readonly (readonly [RegExp, ErrorCode])[] = [
  [/is not encrypted with your public key/, "denied"],
  [/your private key failed to decrypt/, "wrong-key"],
];

test("in every step those can read who could, and the others hear why not", async () => {
  let seen = 0;
  for (const value of recorded.get("steps") as readonly ExactJson[]) {
    const step = object(value);
    const items = [...object(step.get("bag_items"))].map(([id, item]) => [id, object(item)] as const);
    const place = placeOf(new Map([[bag, new Map(items)]]));
    const at = { place, bag, name: String(step.get("item")) as DataBagItemId };
    for (const [name, outcome] of object(step.get("readers"))) {
      const pem = object(recorded.get("private_keys")).get(name);
      const reader = { name, key: createPrivateKey(String(pem)) };
      const { ok, plain, message } = Object.fromEntries(object(outcome));
      const what = `${String(step.get("step"))}: ${name}`;
      if (ok === true) {
        using vault = await openVault(at, reader);
        assert.ok(isSameJson(vault.plain.members(), plain as ExactObject), what);
      } else {
        const code =
          refusals.find(([said]) => said.test(String(message)))?.[1] ?? assert.fail(String(message));
        await assert.rejects(openVault(at, reader), (error) => isKeywardError(error, code), what);
      }
      seen++;
    }
  }
  assert.equal(seen, 78);
});
