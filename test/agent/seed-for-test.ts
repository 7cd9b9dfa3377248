/** A machine's seed in a file, sealed under a key file, as an agent opens it: real in every part. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { createSeedFile } from "../../src/adapters/seed-file/seed-file.ts";
import type { SeedSource } from "../../src/agent/deriver.ts";
import { Secret } from "../../src/base/secret.ts";
import { systemRandom } from "../../src/crypto/random.ts";
import { type OpenedSeed, openedSeed } from "../../src/derive/opened.ts";
import { readSeedFacts } from "../../src/formats/seed/seed.ts";
import type { DerivedAs } from "../../src/model/key.ts";
import type { Scheme } from "../../src/model/realm.ts";
import { encodeKey, openMachineSeed, sealAnew } from "../../src/seed/seed.ts";

/** Hard to guess, as a key file has to be. */
const keyFile = async () => Secret.fromText(Array.from({ length: 40 }, (_, i) => i * 7919).join(" "));
const openers = { keyFile };

export interface TestSeed {
  readonly source: SeedSource;
  readonly file: string;
  /** A seed of 32 such bytes, whatever was there before. */
  put(byte: number, generation?: number): Promise<void>;
  remove(): void;
  /** How often it was opened. */
  readonly opened: number;
}

export function createTestSeed(t: TestContext): TestSeed {
  const root = mkdtempSync(join(tmpdir(), "keyward-seed-"));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  const file = join(root, "seed");
  const place = createSeedFile(file);
  let opened = 0;
  return {
    file,
    get opened() {
      return opened;
    },
    source: {
      async look() {
        const envelope = await place.read("current");
        return envelope === null ? null : readSeedFacts(envelope);
      },
      async open() {
        opened++;
        return await openMachineSeed(place, openers);
      },
    },
    async put(byte, generation = 1) {
      rmSync(file, { force: true });
      const scheme: Scheme = "keyward-1";
      using seed = bytesOf(byte);
      const opener = { kind: "key-file" } as const;
      await place.create(await sealAnew({ scheme, generation }, seed, opener, openers, systemRandom));
    },
    remove: () => rmSync(file, { force: true }),
  };
}

/** The same seed, opened without its file. */
export function seedOf(byte: number): OpenedSeed {
  return openedSeed("keyward-1", bytesOf(byte));
}

/** A source without a file, for processes that are killed. */
export function sourceOf(byte: number): SeedSource {
  const opener = { kind: "machine" } as const;
  const facts = { scheme: "keyward-1", id: seedOf(byte).id, generation: 1, opener } as const;
  return {
    look: async () => facts,
    async open() {
      const seed = seedOf(byte);
      return { seed, facts, [Symbol.dispose]: () => seed[Symbol.dispose]() };
    },
  };
}

function bytesOf(byte: number): Secret {
  return Secret.take(new Uint8Array(32).fill(byte));
}

const derivation = <const K>(realm: string, kind: K) => ({
  scheme: "keyward-1" as const,
  realm,
  kind,
  purpose: "",
});

const policy: { length: number; classes: ("lower" | "digit")[] } = {
  length: 24,
  classes: ["lower", "digit"],
};

export const sshHost = {
  derivation: derivation("ssh", { kind: "ed25519" }),
  encoding: "openssh",
} as const;

export const rootPassword = {
  derivation: derivation("root", { kind: "password" as const, policy }),
  encoding: "text" as const,
};

/** What the file of this version holds on a machine with this seed. */
export async function contentOf(byte: number, derived: DerivedAs, version: number): Promise<string> {
  using seed = seedOf(byte);
  using value = await seed.derive(derived.derivation, version);
  using file = encodeKey(derived.derivation, value, derived.encoding);
  return Buffer.from(file.reveal()).toString();
}
