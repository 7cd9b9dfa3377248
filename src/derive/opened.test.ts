import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { concat, fromBase64, fromHex, toHex } from "../base/bytes.ts";
import { isKeywardError } from "../base/errors.ts";
import { Secret } from "../base/secret.ts";
import type { Derivation, RealmKind, Scheme } from "../model/realm.ts";
import { openSeed } from "./gokey/gokey.ts";
import { kindsOf, type OpenedSeed, openedSeed } from "./opened.ts";

const load = (name: string) =>
  JSON.parse(readFileSync(join(import.meta.dirname, "../../test/vectors", name), "utf8"));
const keyward1 = load("keyward-1/vectors.json");
const schemes: readonly Scheme[] = ["keyward-1", "gokey-0.1", "gokey-0.2"];
const usage = (error: unknown): boolean => isKeywardError(error, "usage");

function opened(scheme: Scheme): OpenedSeed {
  const bytes = scheme === "keyward-1" ? 32 : 28 + 256;
  return openedSeed(scheme, Secret.take(new Uint8Array(bytes).fill(7)));
}

const samples: readonly RealmKind[] = [
  { kind: "ed25519" },
  { kind: "p256" },
  { kind: "p384" },
  { kind: "p521" },
  { kind: "x25519" },
  { kind: "wireguard" },
  { kind: "rsa2048" },
  { kind: "rsa4096" },
  { kind: "raw", length: 20 },
  { kind: "luks" },
  { kind: "password", policy: { length: 12, classes: ["lower", "digit"] } },
  { kind: "pass", length: 12 },
];

const derivation = (scheme: Scheme, kind: RealmKind, realm = "web-1"): Derivation => ({
  scheme,
  realm,
  kind,
  purpose: "",
});

test("keyward-1: an opened seed gives the published vectors, names and tags", async () => {
  using seed = openedSeed("keyward-1", Secret.take(fromHex(keyward1.seed, "seed")));
  assert.equal(seed.id, keyward1.seedId);
  for (const { label, result, tag } of keyward1.cases) {
    const { version, ...what } = label;
    using key = await seed.derive({ scheme: "keyward-1", ...what }, version);
    assert.equal(toHex(key.reveal()), result);
    assert.equal(seed.tag({ scheme: "keyward-1", ...what }, version), tag);
  }
});

const names: Readonly<Record<string, (length?: number | null) => RealmKind>> = {
  pass: (length) => ({ kind: "pass", length: length ?? 10 }),
  raw: (length) => ({ kind: "raw", length: length ?? 32 }),
  ec256: () => ({ kind: "p256" }),
  ec384: () => ({ kind: "p384" }),
  ec521: () => ({ kind: "p521" }),
  x25519: () => ({ kind: "x25519" }),
  ed25519: () => ({ kind: "ed25519" }),
};

for (const derivationOfGokey of ["0.1", "0.2"] as const)
  test(`gokey ${derivationOfGokey}: an opened seed gives what the program prints`, async () => {
    const scheme = `gokey-${derivationOfGokey}` as const;
    for (const [name, kindOf] of Object.entries(names)) {
      for (const one of load(`gokey/${name}.json`).cases) {
        if (one.seed_base64 === null) continue;
        const file = fromBase64(one.seed_base64, "seed").subarray(one.skip);
        const { salt, input } = openSeed(file, Secret.fromText(one.password), derivationOfGokey);
        using seed = openedSeed(scheme, Secret.take(concat(salt, input.reveal())));
        using key = await seed.derive(derivation(scheme, kindOf(one.length), one.realm), 1);
        assert.equal(Buffer.from(key.reveal()).toString(one.stdout_encoding), one.stdout[derivationOfGokey]);
      }
    }
  });

test("gokey counts versions in the realm", async () => {
  using seed = opened("gokey-0.2");
  const kind = { kind: "ed25519" } as const;
  const second = await seed.derive(derivation("gokey-0.2", kind, "ssh"), 2);
  assert.ok(second.equals(await seed.derive(derivation("gokey-0.2", kind, "ssh-v2"), 1)));
  assert.ok(!second.equals(await seed.derive(derivation("gokey-0.2", kind, "ssh"), 1)));
});

for (const scheme of schemes) {
  test(`${scheme}: a kind that is another scheme's is refused, by value and by tag`, async () => {
    using seed = opened(scheme);
    for (const kind of samples) {
      if (kindsOf(scheme).includes(kind.kind)) continue;
      await assert.rejects(seed.derive(derivation(scheme, kind), 1), usage, kind.kind);
      assert.throws(() => seed.tag(derivation(scheme, kind), 1), usage, kind.kind);
    }
  });

  test(`${scheme}: a derivation of another scheme is refused`, async () => {
    using seed = opened(scheme);
    const kind = { kind: "ed25519" } as const;
    for (const other of schemes.filter((one) => one !== scheme)) {
      await assert.rejects(seed.derive(derivation(other, kind), 1), usage);
      assert.throws(() => seed.tag(derivation(other, kind), 1), usage);
    }
  });

  test(`${scheme}: a label out of bounds is refused`, async () => {
    using seed = opened(scheme);
    const kind = { kind: "ed25519" } as const;
    for (const [what, version] of [
      [derivation(scheme, kind, ""), 1],
      [derivation(scheme, kind, "\ud800"), 1],
      [derivation(scheme, kind), 0],
      [derivation(scheme, kind), 1.5],
      [derivation(scheme, kind), 2 ** 32],
    ] as const) {
      await assert.rejects(seed.derive(what, version), usage);
      assert.throws(() => seed.tag(what, version), usage);
    }
  });

  test(`${scheme}: a closed seed derives nothing`, async () => {
    const seed = opened(scheme);
    seed[Symbol.dispose]();
    await assert.rejects(seed.derive(derivation(scheme, { kind: "ed25519" }), 1), usage);
    assert.throws(() => seed.tag(derivation(scheme, { kind: "ed25519" }), 1), usage);
  });

  test(`${scheme}: every label has a tag of its own, and it is not the key`, async () => {
    using seed = opened(scheme);
    const tags = new Set<string>();
    const kinds = samples.filter(({ kind }) => kindsOf(scheme).includes(kind) && !kind.startsWith("rsa"));
    for (const kind of [...kinds, { kind: "raw", length: 21 } as const]) {
      for (const realm of ["web-1", "web-2"]) {
        for (const version of [1, 2]) {
          const what = derivation(scheme, kind, realm);
          const tag = seed.tag(what, version);
          assert.match(tag, /^[0-9a-f]{32}$/);
          assert.equal(seed.tag(what, version), tag);
          assert.ok(!tags.has(tag));
          tags.add(tag);
          const key = await seed.derive(what, version);
          assert.ok(!Buffer.from(key.reveal()).toString("hex").includes(tag.slice(0, 16)));
        }
      }
    }
  });
}

test("two seeds have two names and other tags; so have two schemes of one seed", () => {
  const bytes = (fill: number, size: number) => Secret.take(new Uint8Array(size).fill(fill));
  const seeds = [
    openedSeed("keyward-1", bytes(1, 32)),
    openedSeed("keyward-1", bytes(2, 32)),
    openedSeed("gokey-0.1", bytes(1, 284)),
    openedSeed("gokey-0.2", bytes(1, 284)),
  ];
  assert.equal(new Set(seeds.map(({ id }) => id)).size, seeds.length);
  const tags = seeds.map((seed) => seed.tag(derivation(seed.scheme, { kind: "ed25519" }), 1));
  assert.equal(new Set(tags).size, seeds.length);
});

test("a seed of the wrong length is refused", () => {
  for (const size of [0, 31, 33])
    assert.throws(() => openedSeed("keyward-1", Secret.take(new Uint8Array(size))), usage);
  for (const size of [0, 28, 55])
    assert.throws(() => openedSeed("gokey-0.2", Secret.take(new Uint8Array(size))), usage);
});
