import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { createSeedFile } from "../adapters/seed-file/seed-file.ts";
import { toHex } from "../base/bytes.ts";
import { isKeywardError } from "../base/errors.ts";
import { Secret } from "../base/secret.ts";
import { systemRandom } from "../crypto/random.ts";
import type { SeedOpener } from "../model/seed-place.ts";
import { openMachineSeed, sealAnew } from "./seed.ts";

const directory = mkdtempSync(join(tmpdir(), "keyward-seed-"));
after(() => rmSync(directory, { recursive: true }));
const passphrase = { kind: "passphrase", N: 16_384, r: 8, p: 1 } as const;
const typed = (text: string) => ({ passphrase: async () => Secret.fromText(text) });
const keyFile = (text: string) => ({ keyFile: async () => Secret.fromText(text) });
const code = (wanted: string) => (error: unknown) => isKeywardError(error) && error.code === wanted;
const bytes = (): Secret => Secret.take(Uint8Array.from({ length: 32 }, (_, i) => i));
const seal = (opener: SeedOpener, openers: object, generation = 1) =>
  sealAnew({ scheme: "keyward-1", generation }, bytes(), opener, openers, systemRandom);

test("a machine's seed opens from its place and gives keys", async () => {
  const place = createSeedFile(join(directory, "seed"));
  await assert.rejects(openMachineSeed(place, typed("x")), code("not-found"));
  await place.create(await seal(passphrase, typed("correct horse battery"), 3));
  using machine = await openMachineSeed(place, typed("correct horse battery"));
  assert.deepEqual(machine.facts, {
    scheme: "keyward-1",
    id: machine.seed.id,
    generation: 3,
    opener: passphrase,
  });
  const what = { scheme: "keyward-1", realm: "r", kind: { kind: "luks" }, purpose: "" } as const;
  assert.equal((await machine.seed.derive(what, 1)).length, 64);
});

test("only what the envelope names is asked for", async () => {
  const never = async (): Promise<never> => assert.fail("asked");
  const key = "q0Zt2c3kqX9a8mNfB1yLwV7uJrE5sDhT4gPiOx6KjHc=";
  const place = createSeedFile(join(directory, "key-file"));
  await place.create(await seal({ kind: "key-file" }, keyFile(key)));
  using _ = await openMachineSeed(place, { passphrase: never, machine: never, ...keyFile(` ${key}\n`) });
  await assert.rejects(openMachineSeed(place, typed("x")), code("usage"));
  await assert.rejects(openMachineSeed(place, keyFile("another")), code("wrong-key"));
});

test("a passphrase typed in another Unicode form opens all the same", async () => {
  const place = createSeedFile(join(directory, "unicode"));
  await place.create(await seal(passphrase, typed("żółw na łódce".normalize("NFD"))));
  using machine = await openMachineSeed(place, typed("żółw na łódce".normalize("NFC")));
  assert.equal(machine.facts.generation, 1);
});

test("what can be guessed seals nothing", async () => {
  await assert.rejects(seal(passphrase, typed("short")), code("usage"));
  await assert.rejects(seal({ kind: "key-file" }, keyFile("short")), code("usage"));
});

test("after the seed is disposed of, nothing of it is held", async () => {
  const place = createSeedFile(join(directory, "disposed"));
  await place.create(await seal(passphrase, typed("correct horse battery")));
  const machine = await openMachineSeed(place, typed("correct horse battery"));
  machine[Symbol.dispose]();
  const what = { scheme: "keyward-1", realm: "r", kind: { kind: "luks" }, purpose: "" } as const;
  await assert.rejects(machine.seed.derive(what, 1), isKeywardError);
});

test("sealing leaves the caller's seed alone", async () => {
  const seed = bytes();
  await sealAnew(
    { scheme: "keyward-1", generation: 1 },
    seed,
    passphrase,
    typed("correct horse battery"),
    systemRandom,
  );
  assert.equal(toHex(seed.reveal()), toHex(bytes().reveal()));
});
