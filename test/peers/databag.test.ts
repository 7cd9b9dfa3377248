/** Ruby reads what we write, and reads YAML as we do: its own OpenSSL, Psych and JSON, which Chef runs on. */
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { toBase64, utf8 } from "../../src/base/bytes.ts";
import { isKeywardError } from "../../src/base/errors.ts";
import { type ExactJson, type ExactObject, parseExactJson } from "../../src/base/exact-json.ts";
import { formatExactJson } from "../../src/base/exact-json-text.ts";
import { Secret } from "../../src/base/secret.ts";
import { systemRandom } from "../../src/crypto/random.ts";
import { dataBagSecret } from "../../src/formats/databag/databag.ts";
import { sealValue } from "../../src/formats/databag/value.ts";
import { loadYaml, readYaml } from "../../src/formats/databag/yaml-read.ts";
import { scalars } from "./databag-scalars.ts";

const found = spawnSync("ruby", ["-e", "require 'psych'; require 'openssl'; print Psych::VERSION"], {
  encoding: "utf8",
});
const skip = found.status === 0 ? false : "ruby: is not installed";

/** One answer for each question, as exact JSON. */
function ask(questions: readonly string[]): ExactObject[] {
  const out = execFileSync("ruby", [path.join(import.meta.dirname, "databag-reader.rb")], {
    input: `${questions.join("\n")}\n`,
    env: { PATH: process.env.PATH, LANG: "C.UTF-8" },
    maxBuffer: 100_000_000,
  });
  const lines = out.toString().trimEnd().split("\n");
  return lines.map((line) => parseExactJson(line, "ruby") as ExactObject);
}

const values: ExactJson[] = [];
for (const [file, list] of [
  ["edbi-values", "cases"],
  ["edbi-v0", "written_by_chef10"],
] as const) {
  const text = readFileSync(new URL(`../vectors/chef/${file}.json`, import.meta.url), "utf8");
  for (const one of JSON.parse(text)[list])
    values.push((parseExactJson(one.plain_json, "vectors") as ExactObject).get("v") ?? null);
}
values.push(
  ...fc.sample(fc.json({ stringUnit: "binary" }), 1000).map((text) => parseExactJson(text, "sample")),
);
values.push(new Map([["k".repeat(2000), new Map([["é".repeat(600), "v"]])]]));

test("every value that we write, in every version, is the same to Ruby", { skip }, () => {
  const bytes = utf8("a secret\nwith two lines/");
  const secret = dataBagSecret(Secret.copy(bytes));
  for (const version of [0, 1, 2, 3] as const) {
    const questions = values.map(
      (value) =>
        `{"secret":"${toBase64(bytes)}","stored":${formatExactJson(sealValue(value, secret, version, systemRandom))}}`,
    );
    for (const [i, answer] of ask(questions).entries())
      assert.equal(
        formatExactJson(answer.get("value") ?? null),
        formatExactJson(values[i] ?? null),
        `version ${version}, ${formatExactJson(values[i] ?? null).slice(0, 200)}`,
      );
  }
});

test("a YAML scalar, wherever it stands, is to us what it is to Psych, or is refused", { skip }, async () => {
  const yaml = await loadYaml();
  const places = [
    "--- X\n",
    "X\n",
    "--- \nk: X\n",
    "--- \n- X\n",
    "---\nX: v\n",
    "--- {k: X}\n",
    "--- [X]\n",
  ];
  const texts = scalars.flatMap((scalar) => places.map((place) => place.replace("X", () => scalar)));
  const answers = ask(texts.map((text) => JSON.stringify({ yaml: text })));
  let same = 0;
  for (const [i, text] of texts.entries()) {
    const theirs = answers[i]?.get("value");
    try {
      const mine = formatExactJson(readYaml(yaml, text, "test"));
      if (theirs === undefined) continue;
      assert.equal(mine, formatExactJson(theirs), JSON.stringify(text));
      same++;
    } catch (error) {
      if (!isKeywardError(error)) throw error;
    }
  }
  assert.ok(same > 400, `only ${same}`);
});
