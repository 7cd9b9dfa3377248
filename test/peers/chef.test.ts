/** Chef's own code reads what we write, and we what it writes: wherever `ruby` finds Chef (gem install chef). */
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import path from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { toBase64, utf8 } from "../../src/base/bytes.ts";
import { KeywardError } from "../../src/base/errors.ts";
import { type ExactJson, type ExactObject, parseExactJson } from "../../src/base/exact-json.ts";
import { formatExactJson } from "../../src/base/exact-json-text.ts";
import { Secret } from "../../src/base/secret.ts";
import { systemRandom } from "../../src/crypto/random.ts";
import {
  type DataBagVersion,
  dataBagSecret,
  isEncrypted,
  parseStoredItem,
  secretOfFile,
} from "../../src/formats/databag/databag.ts";
import { openValue, sealValue } from "../../src/formats/databag/value.ts";
import { loadYaml } from "../../src/formats/databag/yaml-read.ts";

const found = spawnSync("ruby", ["-e", "require 'chef/config'; require 'chef/encrypted_data_bag_item'"]);
const skip = found.status === 0 ? false : "Chef: ruby does not find it";

type Question = Readonly<Record<string, string | number>>;
type Answer = {
  readonly json?: string;
  readonly yes?: boolean;
  readonly secret?: string;
  readonly error?: string;
};

function ask(questions: readonly Question[]): Answer[] {
  const out = execFileSync("ruby", [path.join(import.meta.dirname, "chef.rb")], {
    input: questions.map((question) => `${JSON.stringify(question)}\n`).join(""),
    env: { ...process.env, LANG: "C.UTF-8" },
    maxBuffer: 500_000_000,
  });
  return out
    .toString()
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Answer);
}

const bytes = utf8("a secret\nwith two lines/");
const secret = dataBagSecret(Secret.copy(bytes));
const inside = (json: string): ExactJson => (parseExactJson(json, "json") as ExactObject).get("v") ?? null;
const wrap = (value: ExactJson): string => formatExactJson(new Map([["v", value]]));

const texts = [
  ...fc.sample(fc.json({ stringUnit: "binary" }), 600),
  ...fc
    .sample(fc.double({ noNaN: true, noDefaultInfinity: true }), 200)
    .map((value) => JSON.stringify(value)),
  ...fc.sample(fc.bigInt(), 100).map(String),
  "1.0",
  "-0.0",
  "5e-324",
  '"\\u0000\\u001f\\u007f\\u2028/é🔑"',
  '{"id":1,"__proto__":2}',
];
const values = texts.map((text) => parseExactJson(text, "value"));

test("Chef reads every value that we write, in every version, as what it is", { skip }, () => {
  for (const version of [0, 1, 2, 3] as const) {
    const answers = ask(
      values.map((value) => ({
        ask: "decrypt",
        secret: toBase64(bytes),
        json: wrap(sealValue(value, secret, version, systemRandom)),
      })),
    );
    for (const [i, { json = "" }] of answers.entries())
      assert.equal(formatExactJson(inside(json)), formatExactJson(values[i] ?? null), `version ${version}`);
  }
});

test("what Chef writes we read, and write again to the byte", { skip }, async () => {
  const yaml = await loadYaml();
  for (const version of [1, 2, 3] as const) {
    const answers = ask(
      values.map((value) => ({ ask: "encrypt", version, secret: toBase64(bytes), json: wrap(value) })),
    );
    for (const [i, { json = "" }] of answers.entries()) {
      const stored = inside(json) as ExactObject;
      assert.equal(formatExactJson(openValue(stored, secret, "v", yaml)), formatExactJson(values[i] ?? null));
      const iv = Buffer.from(String(stored.get("iv")), "base64");
      const again = sealValue(values[i] ?? null, secret, version as DataBagVersion, () => new Uint8Array(iv));
      assert.equal(formatExactJson(again), formatExactJson(stored));
    }
  }
});

test("a secret file, whatever stands at its ends, is to us what it is to Chef", { skip }, () => {
  const piece = fc.constantFrom(
    "\0",
    "\t",
    "\n",
    "\v",
    "\f",
    "\r",
    " ",
    "\u00a0",
    "\u2003",
    "\ufeff",
    "a",
    "é",
  );
  const files = fc.sample(fc.array(piece, { maxLength: 8 }), 500).map((pieces) => utf8(pieces.join("")));
  files.push(new Uint8Array([0x61, 0xff, 0xfe]), new Uint8Array([0xc3]));
  const answers = ask(files.map((file) => ({ ask: "secret", file: toBase64(file) })));
  for (const [i, file] of files.entries()) {
    const theirs = answers[i]?.secret;
    const read = (): string => toBase64(secretOfFile(Secret.copy(file)).macKey);
    if (theirs === undefined) assert.throws(read, KeywardError, toBase64(file));
    else assert.equal(read(), theirs, toBase64(file));
  }
});

test("is it encrypted? As Chef decides, whatever members there are", { skip }, () => {
  const shapes = [
    ["cipher", "encrypted_data", "iv", "version"],
    ["cipher", "encrypted_data", "hmac", "iv", "version"],
    ["auth_tag", "cipher", "encrypted_data", "iv", "version"],
    ["encrypted_data", "version"],
  ];
  const value = fc
    .tuple(fc.constantFrom(...shapes), fc.constantFrom(1, 2, 3, 3, 2.5, "3", null))
    .map(([names, version]) =>
      Object.fromEntries(names.map((name) => [name, name === "version" ? version : "x"])),
    );
  const item = fc.dictionary(
    fc.constantFrom("id", "a", "b"),
    fc.oneof({ weight: 4, arbitrary: value }, { weight: 1, arbitrary: fc.constantFrom(null, "text", 5) }),
  );
  const items = fc.sample(item, 1000).map((one) => JSON.stringify(one));
  const answers = ask(items.map((json) => ({ ask: "encrypted?", json })));
  for (const [i, json] of items.entries())
    assert.equal(isEncrypted(parseStoredItem(json)), answers[i]?.yes, json);
  assert.ok(answers.filter(({ yes }) => yes === true).length > 20);
});
