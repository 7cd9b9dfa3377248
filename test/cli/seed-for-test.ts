/** A machine's seed in a directory of its own, and the variables that name it to the commands. */
import { randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { createSeedFile } from "../../src/adapters/seed-file/seed-file.ts";
import { Secret } from "../../src/base/secret.ts";
import type { Scheme } from "../../src/model/realm.ts";
import { sealAnew } from "../../src/seed/seed.ts";

export interface SeedForTest {
  readonly directory: string;
  readonly env: Record<string, string>;
}

/** @param fill - The seed is this byte over and over, so that its keys are known. */
export async function seedForTest(scheme: Scheme = "keyward-1", fill = 7): Promise<SeedForTest> {
  const directory = mkdtempSync(path.join(tmpdir(), "keyward-seed-"));
  const keyFile = path.join(directory, "key");
  writeFileSync(keyFile, randomBytes(64).toString("base64"), { mode: 0o600 });
  const seed = Secret.take(new Uint8Array(scheme === "keyward-1" ? 32 : 284).fill(fill));
  const openers = { keyFile: async () => Secret.copy(readFileSync(keyFile)) };
  const random = (length: number): Uint8Array => randomBytes(length);
  const envelope = await sealAnew({ scheme, generation: 1 }, seed, { kind: "key-file" }, openers, random);
  const file = path.join(directory, "seed");
  await createSeedFile(file).create(envelope);
  return { directory, env: { KEYWARD_SEED: file, KEYWARD_SEED_KEY_FILE: keyFile } };
}
