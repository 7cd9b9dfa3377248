/** Headers of signed requests: a line each, `name: value`. */
import { generateKeyPairSync } from "node:crypto";
import { utf8 } from "../../src/base/bytes.ts";
import type { UnixMs } from "../../src/base/time.ts";
import { protocols, signRequest, verifyRequest } from "../../src/formats/chef-signature/chef-signature.ts";

const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
const request = { method: "GET", path: "/nodes", body: new Uint8Array() };
const now = 1_786_786_200_000 as UnixMs;

const examples = protocols.map((protocol) => {
  const headers = signRequest({ ...request, userId: "admin" }, privateKey, now, protocol);
  const lines = Object.entries(headers).map(([name, value]) => `${name.toLowerCase()}: ${value}`);
  return utf8(lines.join("\n"));
});

export default {
  name: "chef signature",
  examples,
  run(bytes: Uint8Array): void {
    const lines = new TextDecoder().decode(bytes).split("\n");
    const headers = Object.fromEntries(lines.map((line) => line.split(": ", 2)));
    verifyRequest(request, headers, publicKey, now);
  },
};
