/** Secretary: envelopes, gob, keys, forms, messages and running text; the first byte chooses. */
import { concat, utf8 } from "../../src/base/bytes.ts";
import { Secret } from "../../src/base/secret.ts";
import { formatAllowedHashes, parseAllowedHashes } from "../../src/formats/secretary/allowed.ts";
import { openRequest, openResponse } from "../../src/formats/secretary/exchange.ts";
import { decodeForm, encodeForm } from "../../src/formats/secretary/form.ts";
import { decodeGob } from "../../src/formats/secretary/gob-decode.ts";
import { parseInstant } from "../../src/formats/secretary/instant.ts";
import {
  type BoxKey,
  formatPrivateKey,
  generateKeyPair,
  parsePrivateKey,
} from "../../src/formats/secretary/keys.ts";
import { parseKms, sealKms } from "../../src/formats/secretary/kms.ts";
import { sealLayers } from "../../src/formats/secretary/layers.ts";
import { openNacl, sealNacl } from "../../src/formats/secretary/nacl.ts";
import { findEnvelopesInBytes, replaceEnvelopes } from "../../src/formats/secretary/recognise.ts";
import { decodeRequest, encodeRequest } from "../../src/formats/secretary/request.ts";
import { decodeResponse, encodeResponse } from "../../src/formats/secretary/response.ts";
import { exportLine } from "../../src/formats/secretary/shell.ts";

const counting = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => i + 1);
const key = Secret.take(counting(32)) as BoxKey;
const keys = { deploy: key, service: key };
const nonce = counting(24);
const value = Secret.fromText("correct horse");
const envelope = sealNacl(key, nonce, value.reveal());
const kms = sealKms(key, counting(184), nonce, value.reveal());
const gob = Buffer.from(kms.slice(8, -1), "base64");
const request = { appId: "/a", appVersion: "v", taskId: "t", requestedSecret: envelope, key: "PW" };

const doors: readonly ((bytes: Uint8Array, text: string) => unknown)[] = [
  (_, text) => openNacl(key, text, "fuzz"),
  (_, text) => parseKms(text, "fuzz"),
  (bytes) => decodeGob(bytes, "fuzz"),
  (_, text) => parsePrivateKey(text, "fuzz"),
  (_, text) => decodeForm(text),
  (bytes) => decodeRequest(bytes),
  (bytes) => decodeResponse(bytes),
  (_, text) => openRequest(keys, text),
  (_, text) => openResponse(keys, text, { nonces: [nonce] }),
  // A message that was sealed as it should be, around anything.
  (bytes) => openRequest(keys, sealLayers(keys, bytes, counting).envelope),
  (bytes) => replaceAll(bytes),
  (bytes, text) => exportLine(text, bytes),
  (_, text) => parseInstant(text),
  (_, text) => parseAllowedHashes(text),
];

function replaceAll(document: Uint8Array): void {
  const found = findEnvelopesInBytes(document);
  const values = found.map(() => value.reveal());
  replaceEnvelopes(document, found, values);
}

const at = (door: number, content: Uint8Array): Uint8Array => concat(Uint8Array.of(door), content);

export default {
  name: "formats/secretary",
  examples: [
    at(0, utf8(envelope)),
    at(1, utf8(kms)),
    at(2, gob),
    at(3, utf8(formatPrivateKey(generateKeyPair(counting).privateKey))),
    at(4, utf8(encodeForm({ appId: "/a b", appVersion: "2024-03-05T10:11:12Z", envelope, taskId: "t" }))),
    at(5, encodeRequest(request)),
    at(6, encodeResponse({ value, requestId: "r" }).reveal()),
    at(7, utf8(sealLayers(keys, encodeRequest(request), counting).envelope)),
    at(8, utf8(sealLayers(keys, encodeResponse({ value }).reveal(), counting).envelope)),
    at(10, utf8(`a ${envelope} b\n${kms}`)),
    at(12, utf8("2024-03-05T10:11:12.134+01:00")),
    at(13, utf8(formatAllowedHashes(new Map([["PW", [envelope, kms]]])))),
  ],
  run(bytes: Uint8Array): void {
    const content = bytes.subarray(1);
    doors[(bytes[0] ?? 0) % doors.length]?.(content, Buffer.from(content).toString("utf8"));
  },
};
