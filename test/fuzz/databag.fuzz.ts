import { fromUtf8, utf8 } from "../../src/base/bytes.ts";
import { isKeywardError } from "../../src/base/errors.ts";
import { parseExactJson } from "../../src/base/exact-json.ts";
import { formatExactJson } from "../../src/base/exact-json-text.ts";
import { Secret } from "../../src/base/secret.ts";
import { systemRandom } from "../../src/crypto/random.ts";
import {
  dataBagSecret,
  encryptDataBagItem,
  formsOf,
  isEncrypted,
  PlainItem,
  parseStoredItem,
  secretOfFile,
} from "../../src/formats/databag/databag.ts";
import { openValue, sealValue } from "../../src/formats/databag/value.ts";
import { loadYaml, readYaml } from "../../src/formats/databag/yaml-read.ts";

const yaml = await loadYaml();
const secret = dataBagSecret(Secret.fromText("a secret for the fuzz target"));
const plain = PlainItem.parse(
  '{"id":"a","text":"b\\nc","list":[1,2.5,null,{"d":true}],"big":12345678901234567890}',
);

function readItem(text: string): void {
  const item = parseStoredItem(text);
  isEncrypted(item);
  formsOf(item);
  for (const raw of item.values()) {
    try {
      openValue(raw, secret, "fuzz", yaml);
    } catch (error) {
      if (!isKeywardError(error)) throw error;
    }
  }
}

/** What is read is written, and read again as the same. */
function roundTrip(text: string): void {
  const value = parseExactJson(text, "fuzz");
  const written = formatExactJson(value);
  if (formatExactJson(parseExactJson(written, "fuzz")) !== written)
    throw new Error("JSON: not the same again");
  const sealed = sealValue(value, secret, 0, systemRandom);
  if (formatExactJson(openValue(sealed, secret, "fuzz", yaml)) !== written)
    throw new Error("YAML: not the same again");
}

const readers: readonly ((bytes: Uint8Array) => unknown)[] = [
  (bytes) => readItem(fromUtf8(bytes, "fuzz")),
  (bytes) => roundTrip(fromUtf8(bytes, "fuzz")),
  (bytes) => readYaml(yaml, fromUtf8(bytes, "fuzz"), "fuzz"),
  (bytes) => secretOfFile(Secret.copy(bytes)).wipe(),
];

export default {
  name: "databag",
  examples: [
    ...([0, 1, 2, 3] as const).map((version) =>
      utf8(formatExactJson(encryptDataBagItem(plain, secret, { version }))),
    ),
    plain.toJson().reveal(),
    utf8("--- \na: &x\n  b: 1_000\n- |\n  c\n? d\n: {e: [f, 'g', \"h\"]}\n"),
  ],
  run(bytes: Uint8Array): void {
    for (const read of readers) {
      try {
        read(bytes);
      } catch (error) {
        if (!isKeywardError(error)) throw error;
      }
    }
  },
};
