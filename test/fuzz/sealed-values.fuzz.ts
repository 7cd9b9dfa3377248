/**
 * What the commands of sealed values read: documents to inject into, names beside envelopes, secrets in plain text,
 * environments, flags; the first byte chooses. What inject writes it must read again, and leave alone.
 */
import { utf8 } from "../../src/base/bytes.ts";
import { parseEnviron } from "../../src/command/environ.ts";
import { decryptFlags } from "../../src/configuration/flags.ts";
import { edit } from "../../src/configuration/inject/editor.ts";
import { injectInto } from "../../src/configuration/inject/inject.ts";
import { unitsOf } from "../../src/configuration/inject/units.ts";
import { PFlagError, PHelp, parsePFlags } from "../../src/configuration/pflag.ts";
import { findPlainSecrets } from "../../src/configuration/plain-secrets.ts";
import { variableBeside } from "../../src/configuration/variable-beside.ts";
import { systemRandom } from "../../src/crypto/random.ts";
import { generateKeyPair } from "../../src/formats/secretary/keys.ts";
import { findEnvelopes } from "../../src/formats/secretary/recognise.ts";

const E = "ENC[NACL,AAAA]";
const injection = {
  url: "https://secretary.example:5070",
  master: generateKeyPair(systemRandom).publicKey,
  random: systemRandom,
  rotate: false,
};

function injected(text: string): string {
  const editor = edit(text, "fuzz");
  for (const unit of unitsOf(editor)) injectInto(unit, injection);
  return editor.text();
}

const doors: readonly ((text: string, bytes: Uint8Array) => unknown)[] = [
  (text) => {
    const once = injected(text);
    if (injected(once) !== once) throw new Error("a second run changes something");
  },
  (text) => findEnvelopes(text).map((found) => variableBeside(text, found)),
  (text) => findPlainSecrets(text, "fuzz.yaml"),
  (_, bytes) => parseEnviron(bytes),
  (text) => flags(text.split(" ")),
];

function flags(words: readonly string[]): void {
  try {
    parsePFlags(words, decryptFlags);
  } catch (error) {
    if (!(error instanceof PFlagError || error instanceof PHelp)) throw error;
  }
}

const documents = [
  `{"id": "/a", "env": {"PW": "${E}"}, "labels": {}}`,
  `{\n  "groups": [\n    {"apps": [{"id": "a", "env": {\n      "PW": "${E}"\n    }}]}\n  ]\n}\n`,
  `{"id": "j", "run": {"env": {"PW": "${E}"}}}`,
  `{"name": "t", "command": {"environment": {"variables": [{"name": "PW", "value": "${E}"}]}}}`,
  `x: &e {A: ${E}}\nservices:\n  web:  # c\n    environment:\n      <<: *e\n      PW: |\n        ${E}\n  b:\n    environment:\n    - PW=${E}\n`,
  `apiVersion: v1\nkind: Pod\nmetadata:\n  name: p\nspec:\n  containers:\n  - env:\n    - name: PW\n      value: "${E}"\n`,
];

export default {
  name: "sealed values",
  examples: [
    ...documents.map((text) => `\u0000${text}`),
    ...documents.map((text) => `\u0001${text}`),
    "\u0002export API_KEY='a8f3b2c1d9'\npostgres://app:hunter2x@db/app\n",
    "\u0003A=1\u0000B=2\u0000",
    "\u0004decrypt -e --secretary-url=x -sy --app-id z --partial=true",
  ].map(utf8),
  run(bytes: Uint8Array) {
    const rest = bytes.subarray(1);
    doors[(bytes[0] ?? 0) % doors.length]?.(Buffer.from(rest).toString(), rest);
  },
};
