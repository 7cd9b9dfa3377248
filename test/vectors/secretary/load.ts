/** The files here as tests read them: `master.private` in them is a key of keys.json, anything else is base64. */
import { readFileSync } from "node:fs";
import {
  type BoxKey,
  deriveBoxKey,
  type PrivateKey,
  type PublicKey,
  parsePrivateKey,
  parsePublicKey,
} from "../../../src/formats/secretary/keys.ts";

export function load(name: string) {
  return JSON.parse(readFileSync(new URL(`./${name}.json`, import.meta.url), "utf8"));
}

export interface Pair {
  readonly name: string;
  readonly publicPem: string;
  readonly publicKey_b64: string;
  readonly privatePem: string;
  readonly privateKey_b64: string;
}

export const pairs: readonly Pair[] = load("keys").pairs;

function textOf(name: string): string {
  const [pair, half] = name.split(".");
  const found = pairs.find((other) => other.name === pair);
  return (half === "private" ? found?.privateKey_b64 : found?.publicKey_b64) ?? name;
}

export function privateKey(name: string): PrivateKey {
  return parsePrivateKey(textOf(name), name);
}

export function publicKey(name: string): PublicKey {
  return parsePublicKey(textOf(name), name);
}

export function keyBetween(privateName: string, publicName: string): BoxKey {
  return deriveBoxKey(privateKey(privateName), publicKey(publicName));
}

export function bytes(base64: string): Uint8Array {
  return new Uint8Array(Buffer.from(base64, "base64"));
}

/** The body of a raw HTTP message, its chunks joined. */
export function bodyOf(raw_b64: string): string {
  const raw = Buffer.from(raw_b64, "base64").toString("latin1");
  const end = raw.indexOf("\r\n\r\n");
  const body = raw.slice(end + 4);
  if (!/transfer-encoding: chunked/i.test(raw.slice(0, end))) return body;
  const chunks: string[] = [];
  for (let at = 0; ; ) {
    const line = body.indexOf("\r\n", at);
    const length = Number.parseInt(body.slice(at, line), 16);
    if (!(length > 0)) return chunks.join("");
    chunks.push(body.slice(line + 2, line + 2 + length));
    at = line + 2 + length + 2;
  }
}
