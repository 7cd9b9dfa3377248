/** Recipes: how a generated key's value is made. */
import { KeywardError } from "../base/errors.ts";
import { Secret } from "../base/secret.ts";
import { x25519ToPkcs8 } from "../crypto/agree.ts";
import { type Curve, generateEc, generateRsa, type RsaBits } from "../crypto/key-pair.ts";
import { ownBytes, wipe } from "../crypto/memory.ts";
import { type Random, uniform } from "../crypto/random.ts";
import { ed25519PublicKey, ed25519ToPkcs8 } from "../crypto/sign.ts";
import { encodeBase64, encodeHex, encodePem } from "../formats/armor.ts";
import {
  ecdsaFromSec1,
  encodePrivateKey,
  rsaFromPkcs1,
  type SshPrivateKey,
} from "../formats/openssh/openssh.ts";
import type { Recipe } from "../model/key.ts";
import { assertPassword, makePassword } from "./passwords.ts";

type SshRecipe = Extract<Recipe, { kind: "ssh" }>;
type Pkcs8Recipe = Extract<Recipe, { kind: "pkcs8" }>;

export const MAX_RANDOM = 65_536;
/** Of 253 values each: 263 bits. */
const DISK_KEY_SIZE = 33;

const rsaBits = { "rsa-2048": 2048, "rsa-3072": 3072, "rsa-4096": 4096 } as const satisfies Record<
  string,
  RsaBits
>;
const ecdsaCurves = { "ecdsa-p256": "p256", "ecdsa-p384": "p384" } as const satisfies Record<string, Curve>;
const ecCurves = { "ec-p256": "p256", "ec-p384": "p384" } as const satisfies Record<string, Curve>;

/** @throws KeywardError `usage` for a recipe that cannot be followed. */
export function assertRecipe(recipe: Recipe): void {
  switch (recipe.kind) {
    case "password":
      assertPassword(recipe);
      break;
    case "random":
      if (Number.isInteger(recipe.bytes) && recipe.bytes >= 1 && recipe.bytes <= MAX_RANDOM) break;
      throw new KeywardError("usage", `random: want 1 to ${MAX_RANDOM} bytes`);
    case "ssh":
      if (!/\p{Cc}/u.test(recipe.comment ?? "") && Buffer.byteLength(recipe.comment ?? "") <= 1024) break;
      throw new KeywardError("usage", "ssh: want a comment of one short line");
    case "pkcs8":
    case "disk":
      break;
  }
}

/**
 * Make a value. RSA and elliptic-curve keys are made on another thread.
 *
 * @returns The value, which the caller wipes: text in ASCII but for raw random bytes and disk keys.
 * @throws KeywardError `usage`
 */
export async function makeValue(recipe: Recipe, random: Random): Promise<Secret> {
  assertRecipe(recipe);
  switch (recipe.kind) {
    case "password":
      return makePassword(recipe, random);
    case "random":
      return makeRandom(recipe.bytes, recipe.encoding, random);
    case "ssh":
      return await makeSsh(recipe, random);
    case "pkcs8":
      return await makePkcs8(recipe, random);
    case "disk":
      return makeDiskKey(random);
  }
}

/**
 * Without NUL, LF and CR, at which an answer to systemd's question for a passphrase ends: so it goes every way that a key
 * may go to cryptsetup (systemd, src/reply-password/reply-password.c).
 */
function makeDiskKey(random: Random): Secret {
  const key = ownBytes(DISK_KEY_SIZE);
  for (let i = 0; i < key.length; i++) {
    let byte = uniform(random, 253) + 1;
    if (byte >= 10) byte++;
    if (byte >= 13) byte++;
    key[i] = byte;
  }
  return Secret.take(key);
}

function makeRandom(size: number, encoding: "raw" | "hex" | "base64", random: Random): Secret {
  const bytes = random(size);
  if (encoding === "raw") return Secret.take(bytes);
  const text = encoding === "hex" ? encodeHex(bytes) : encodeBase64(bytes);
  wipe(bytes);
  return Secret.take(text);
}

async function makeSsh({ type, comment = "" }: SshRecipe, random: Random): Promise<Secret> {
  const key = await makeSshKey(type, random);
  const [a = 0, b = 0, c = 0, d = 0] = random(4);
  try {
    return encodePrivateKey(key, comment, (a << 24) | (b << 16) | (c << 8) | d);
  } finally {
    wipe(...Object.values(key).filter((member) => member instanceof Uint8Array));
  }
}

async function makeSshKey(type: SshRecipe["type"], random: Random): Promise<SshPrivateKey> {
  switch (type) {
    case "ed25519": {
      const seed = random(32);
      return { kind: "ed25519", seed, key: ed25519PublicKey(seed) };
    }
    case "rsa-3072":
    case "rsa-4096":
      return wiping(await generateRsa(rsaBits[type], "pkcs1"), rsaFromPkcs1);
    case "ecdsa-p256":
    case "ecdsa-p384": {
      const curve = ecdsaCurves[type];
      return wiping(await generateEc(curve, "sec1"), (der) => ecdsaFromSec1(der, curve));
    }
  }
}

async function makePkcs8({ type }: Pkcs8Recipe, random: Random): Promise<Secret> {
  return wiping(await makePkcs8Der(type, random), (der) => Secret.take(encodePem("PRIVATE KEY", der, 64)));
}

async function makePkcs8Der(type: Pkcs8Recipe["type"], random: Random): Promise<Uint8Array> {
  switch (type) {
    case "ed25519":
      return wiping(random(32), ed25519ToPkcs8);
    case "x25519":
      return wiping(random(32), x25519ToPkcs8);
    case "rsa-2048":
    case "rsa-3072":
    case "rsa-4096":
      return generateRsa(rsaBits[type], "pkcs8");
    case "ec-p256":
    case "ec-p384":
      return generateEc(ecCurves[type], "pkcs8");
  }
}

function wiping<T>(bytes: Uint8Array, use: (bytes: Uint8Array) => T): T {
  try {
    return use(bytes);
  } finally {
    wipe(bytes);
  }
}
