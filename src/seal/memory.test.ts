/**
 * After sealing, no root or data key is left in memory, nor anything from which one could be made again. A
 * child process works with keys that this test knows; its memory is searched while unsealed, which must find
 * them, and after sealing, which must not.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";
import { COST, fillCanary, KEY_FILE, PASSPHRASE } from "../../test/memory/canary.ts";
import { scan } from "../../test/memory/scan.ts";
import { fields } from "../base/bytes.ts";
import { Secret } from "../base/secret.ts";
import { hkdf } from "../crypto/hkdf.ts";
import { hmacSha256 } from "../crypto/mac.ts";
import { deriveFromFile } from "./file.ts";
import { stretchPassphrase } from "./passphrase.ts";

const child = spawn(process.execPath, [new URL("../../test/memory/child.ts", import.meta.url).pathname], {
  stdio: ["pipe", "pipe", "inherit"],
});
const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
after(() => child.kill());

async function tell(command: string): Promise<{ state: string; drawn: number[] }> {
  child.stdin.write(`${command}\n`);
  const { value } = await lines.next();
  return JSON.parse(value as string);
}

function canary(draw: number, length: number): Uint8Array {
  const out = new Uint8Array(length);
  fillCanary(draw, out);
  return out;
}

/** The root key, every data key and the system secret (each 32 bytes drawn), and what comes from the root key. */
function keysOf(drawn: readonly number[]): Record<string, Uint8Array> {
  const keys: Record<string, Uint8Array> = {};
  for (const [draw, length] of drawn.entries()) {
    if (length !== 32) continue;
    keys[Object.keys(keys).length === 0 ? "root key" : `key of draw ${draw}`] = canary(draw, length);
  }
  const root = keys["root key"] ?? new Uint8Array(0);
  const derive = (label: string, purpose: string, length: number) =>
    hkdf(root, new Uint8Array(0), fields(`keyward/v1/${label}`, purpose), length);
  keys["extracted root key"] = hmacSha256(new Uint8Array(0), root);
  keys["wrapping key for data keys"] = derive("wrap", "data-key", 64);
  keys["wrapping key for system secrets"] = derive("wrap", "system", 64);
  keys["derived key"] = derive("derive", "test", 32);
  return keys;
}

/** What opens the two seals, 64 bytes, then the check value of 16 that is stored. */
async function sealKeysOf(drawn: readonly number[]): Promise<Record<string, Uint8Array>> {
  const salts = [...drawn.entries()].filter(([, length]) => length === 16).map(([draw]) => canary(draw, 16));
  const [forFile = new Uint8Array(16), forPassphrase = new Uint8Array(16)] = salts;
  const stretched = await stretchPassphrase(Secret.fromText(PASSPHRASE), forPassphrase, COST, 80);
  return {
    "file seal": deriveFromFile(Secret.fromText(KEY_FILE), forFile, 80).reveal(),
    "passphrase seal": stretched.reveal(),
  };
}

let keys: Record<string, Uint8Array> = {};
/** Wiped as soon as they were used, so not found while unsealed either. */
const transient: Record<string, Uint8Array> = {};
/** In the store, in base64: found always, which shows that the parent knows the right salts. */
const stored: Record<string, Uint8Array> = {};
const search = (): string[] => scan(child.pid ?? 0, { ...keys, ...transient });

before(async () => {
  const { state, drawn } = await tell("init");
  assert.equal(state, "unsealed");
  keys = keysOf(drawn);
  for (const [name, key] of Object.entries(await sealKeysOf(drawn))) {
    transient[`key of the ${name}`] = key.slice(0, 64);
    stored[`check value of the ${name}`] = key.slice(64);
  }
});

test("while unsealed, the search finds the root key, the data keys and what comes from them", () => {
  const found = search().map((one) => one.replace(/,.*/, ""));
  const missed = Object.keys(keys).filter((name) => !found.includes(name));
  assert.equal(Object.keys(keys).length, 1 + 25 + 1 + 4);
  assert.deepEqual(missed, ["extracted root key"]);
  assert.deepEqual(
    Object.keys(transient).filter((name) => found.includes(name)),
    [],
  );
});

test("the search finds what the store holds of the seals", () => {
  const found = scan(child.pid ?? 0, stored);
  for (const name of Object.keys(stored))
    assert.ok(
      found.some((one) => one.startsWith(`${name}, base64`)),
      name,
    );
});

test("after sealing nothing of them is left", async () => {
  assert.equal((await tell("seal")).state, "sealed");
  assert.deepEqual(search(), []);
});

for (const way of ["file", "passphrase"]) {
  test(`unsealed by ${way}, used and sealed again: nothing is left`, async () => {
    assert.equal((await tell(`unseal-${way}`)).state, "unsealed");
    assert.ok(search().some((one) => one.startsWith("root key, raw")));
    assert.equal((await tell("seal")).state, "sealed");
    assert.deepEqual(search(), []);
  });
}
