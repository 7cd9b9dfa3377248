import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createPrivateKey, createPublicKey } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { concat, fromBase64, fromHex, toHex } from "../base/bytes.ts";
import { isKeywardError } from "../base/errors.ts";
import { Secret } from "../base/secret.ts";
import { openSeed } from "../derive/gokey/gokey.ts";
import { kindsOf, openedSeed } from "../derive/opened.ts";
import { decodePrivateKey, publicKeyOf } from "../formats/openssh/openssh.ts";
import type { Derivation, KeyEncoding, RealmKind } from "../model/realm.ts";
import { defaultEncoding, encodeKey, encodePublicHalf, encodingsOf, publicHalf } from "./encode.ts";
import { readPublicHalf } from "./public-half.ts";

const load = (name: string) =>
  JSON.parse(readFileSync(join(import.meta.dirname, "../../test/vectors", name), "utf8"));
const folder = mkdtempSync(join(tmpdir(), "keyward-encode-"));
after(() => rmSync(folder, { recursive: true }));

const all: readonly KeyEncoding[] = [
  ...["raw", "hex", "base64", "text", "pem", "openssh", "authorized-keys", "jwk"],
] as KeyEncoding[];
const text = (bytes: Secret | Uint8Array | undefined): string =>
  Buffer.from(bytes instanceof Secret ? bytes.reveal() : (bytes ?? new Uint8Array(0))).toString();

interface Derived {
  readonly name: string;
  readonly what: Derivation;
  readonly value: Secret;
}

const kinds: readonly RealmKind[] = [
  { kind: "ed25519" },
  { kind: "p256" },
  { kind: "p384" },
  { kind: "x25519" },
  { kind: "wireguard" },
  { kind: "raw", length: 33 },
  { kind: "luks" },
  { kind: "password", policy: { length: 20, classes: ["lower", "digit"] } },
];

/** Every kind of keyward-1, and what the real gokey printed for its own. */
const derived: Derived[] = [];
const seed = openedSeed("keyward-1", Secret.take(fromHex(load("keyward-1/vectors.json").seed, "seed")));
for (const kind of kinds) {
  const what = { scheme: "keyward-1", realm: "web-1", kind, purpose: "" } as const;
  derived.push({ name: `keyward-1 ${kind.kind}`, what, value: await seed.derive(what, 1) });
}
const gokeyKinds = {
  ed25519: { kind: "ed25519" },
  x25519: { kind: "x25519" },
  ec256: { kind: "p256" },
  ec384: { kind: "p384" },
  ec521: { kind: "p521" },
  rsa2048: { kind: "rsa2048" },
  rsa4096: { kind: "rsa4096" },
  pass: { kind: "pass", length: 10 },
} as const satisfies Record<string, RealmKind>;
for (const [name, kind] of Object.entries(gokeyKinds)) {
  const what = { scheme: "gokey-0.2", realm: "web-1", kind, purpose: "" } as const;
  const printed = load(`gokey/${name}.json`).cases.find((one: { length: unknown }) => one.length === null);
  derived.push({ name: `gokey ${name}`, what, value: Secret.fromText(printed.stdout["0.2"]) });
}

function run(program: string, args: readonly string[], input?: string | Uint8Array): string {
  const { status, stdout, stderr, error } = spawnSync(program, args, { input: input ?? "" });
  if (error !== undefined) assert.fail(`${program} does not run: ${error.message}`);
  assert.equal(status, 0, stderr.toString());
  return stdout.toString();
}

const signing = derived.filter(({ what }) => encodingsOf(what.kind.kind).secret.includes("openssh"));
const keys = derived.filter(({ what }) => encodingsOf(what.kind.kind).secret.includes("pem"));

for (const { name, what, value } of signing)
  test(`${name}: ssh-keygen reads our file, and agrees on the public key and the fingerprint`, () => {
    const file = join(folder, name.replaceAll(" ", "-"));
    writeFileSync(file, encodeKey(what, value, "openssh", "by keyward").reveal(), { mode: 0o600 });
    const half = publicHalf(what, value, "by keyward");
    assert.equal(run("ssh-keygen", ["-y", "-f", file]), `${half?.openssh}\n`);
    writeFileSync(`${file}.pub`, encodePublicHalf(what, value, "authorized-keys", "by keyward"));
    assert.equal(run("ssh-keygen", ["-l", "-f", `${file}.pub`]).split(" ")[1], half?.fingerprint);
    writeFileSync(`${file}.message`, "signed");
    run("ssh-keygen", ["-Y", "sign", "-q", "-f", file, "-n", "test", `${file}.message`]);
    writeFileSync(`${file}.signers`, `us ${half?.openssh}\n`);
    const verify = ["-Y", "verify", "-f", `${file}.signers`, "-I", "us", "-n", "test"];
    run("ssh-keygen", [...verify, "-s", `${file}.message.sig`], "signed");
  });

for (const { name, what, value } of keys)
  test(`${name}: openssl reads our PEM and gives our public half`, () => {
    const pem = text(encodeKey(what, value, "pem"));
    assert.equal(run("openssl", ["pkey", "-pubout"], pem), publicHalf(what, value)?.pem);
    if (!["x25519", "wireguard"].includes(what.kind.kind)) return;
    const der = run(
      "sh",
      ["-c", "openssl pkey -pubin -outform DER | openssl dgst -sha256 -binary | base64"],
      publicHalf(what, value)?.pem,
    );
    assert.equal(publicHalf(what, value)?.fingerprint, `SHA256:${der.trim().replace(/=+$/, "")}`);
  });

for (const { name, what, value } of keys)
  test(`${name}: every encoding holds the same key`, () => {
    const pem = createPrivateKey(text(encodeKey(what, value, "pem")));
    const jwk = JSON.parse(text(encodeKey(what, value, "jwk")));
    assert.ok(createPrivateKey({ key: jwk, format: "jwk" }).equals(pem));
    const half = publicHalf(what, value);
    assert.ok(
      createPublicKey({ key: JSON.parse(text(encodePublicHalf(what, value, "jwk"))), format: "jwk" }).equals(
        createPublicKey(pem),
      ),
    );
    assert.equal(half?.jwk.d, undefined);
    const encodings = encodingsOf(what.kind.kind).secret;
    if (encodings.includes("raw")) {
      const raw = encodeKey(what, value, "raw");
      assert.equal(Buffer.from(raw.reveal()).toString("base64url"), jwk.d);
      assert.equal(text(encodeKey(what, value, "hex")), toHex(raw.reveal()));
      assert.equal(text(encodeKey(what, value, "base64")), Buffer.from(raw.reveal()).toString("base64"));
    }
    if (encodings.includes("openssh")) {
      const { key } = decodePrivateKey(encodeKey(what, value, "openssh").reveal());
      const secret = key.kind === "ed25519" ? key.seed : key.kind === "ecdsa" ? key.scalar : key.d;
      const bytes = Buffer.from(jwk.d, "base64url");
      assert.equal(toHex(secret).replace(/^(00)+/, ""), bytes.toString("hex").replace(/^(00)+/, ""));
      assert.ok(publicKeyOf(key));
    }
  });

test("a public half that came from elsewhere is the same half", () => {
  for (const { what, value } of keys) {
    const half = publicHalf(what, value, "c") ?? assert.fail();
    const spki = createPublicKey(half.pem).export({ format: "der", type: "spki" });
    assert.deepEqual(readPublicHalf(new Uint8Array(spki), "c"), half);
  }
  for (const bad of [new Uint8Array(0), new Uint8Array(44).fill(0x30)])
    assert.throws(() => readPublicHalf(bad), { code: "malformed" });
});

test("wg derives the public half that we say", () => {
  for (const { what, value } of derived.filter(({ what }) => what.kind.kind === "wireguard")) {
    const base64 = text(encodeKey(what, value, "base64"));
    assert.match(base64, /^[A-Za-z0-9+/]{43}=$/);
    assert.equal(run("wg", ["pubkey"], base64), `${publicHalf(what, value)?.wireguard}\n`);
    assert.equal(text(encodePublicHalf(what, value, "base64")), publicHalf(what, value)?.wireguard);
  }
});

test("gokey's PEM stays as it was printed", () => {
  for (const { what, value } of keys.filter(({ what }) => what.scheme !== "keyward-1"))
    assert.equal(text(encodeKey(what, value, "pem")), text(value));
});

test("bytes and passwords come as they are", () => {
  for (const { what, value } of derived) {
    if (encodingsOf(what.kind.kind).public.length > 0) continue;
    assert.equal(publicHalf(what, value), null);
    assert.ok(encodeKey(what, value, defaultEncoding(what.kind.kind)).equals(value));
    if (encodingsOf(what.kind.kind).secret.includes("hex"))
      assert.equal(text(encodeKey(what, value, "hex")), toHex(value.reveal()));
  }
});

test("what a kind is not written as is refused, with what there is", () => {
  for (const { what, value } of derived) {
    const has = encodingsOf(what.kind.kind);
    for (const encoding of all) {
      const half = encoding === "authorized-keys" ? "public" : "secret";
      if (!has[half].includes(encoding)) assert.throws(() => encodeKey(what, value, encoding), usage);
      if (!has.public.includes(encoding)) assert.throws(() => encodePublicHalf(what, value, encoding), usage);
    }
  }
});

const usage = (error: unknown): boolean =>
  isKeywardError(error, "usage") && /there are: |no public half/.test(error.hint ?? "");

test("every kind of every scheme has a default that it is written as", () => {
  for (const scheme of ["keyward-1", "gokey-0.1", "gokey-0.2"] as const)
    for (const kind of kindsOf(scheme)) assert.ok(encodingsOf(kind).secret.includes(defaultEncoding(kind)));
});

test("the same key is the same file, comment and all", () => {
  for (const { what, value } of signing)
    assert.ok(encodeKey(what, value, "openssh", "c").equals(encodeKey(what, value, "openssh", "c")));
});

test("a value that is not of the kind is refused", () => {
  const rsa = derived.find(({ name }) => name === "gokey rsa2048")?.value ?? assert.fail();
  const malformed = (error: unknown): boolean => isKeywardError(error, "malformed");
  for (const kind of ["ed25519", "x25519", "p256", "p521", "rsa4096"] as const) {
    const what = { scheme: "gokey-0.1", kind: { kind } } as const;
    assert.throws(() => encodeKey(what, rsa, "jwk"), malformed, kind);
    assert.throws(() => publicHalf(what, Secret.fromText("no PEM")), malformed, kind);
  }
  for (const kind of ["ed25519", "x25519", "wireguard", "p256", "p384"] as const)
    for (const size of [0, 31, 49]) {
      const value = Secret.take(new Uint8Array(size).fill(0xff));
      assert.throws(() => publicHalf({ scheme: "keyward-1", kind: { kind } }, value), malformed, kind);
    }
});

test("a real seed's RSA key, through the opened seed, is read by ssh-keygen", async () => {
  const one = load("gokey/rsa2048.json").cases.find((some: { seed_base64: unknown }) => some.seed_base64);
  const file = fromBase64(one.seed_base64, "seed").subarray(one.skip);
  const { salt, input } = openSeed(file, Secret.fromText(one.password), "0.2");
  using opened = openedSeed("gokey-0.2", Secret.take(concat(salt, input.reveal())));
  const what = { scheme: "gokey-0.2", realm: one.realm, kind: { kind: "rsa2048" }, purpose: "" } as const;
  const value = await opened.derive(what, 1);
  assert.equal(text(value), one.stdout["0.2"]);
  const path = join(folder, "rsa");
  writeFileSync(path, encodeKey(what, value, "openssh").reveal(), { mode: 0o600 });
  assert.equal(run("ssh-keygen", ["-y", "-f", path]), `${publicHalf(what, value)?.openssh}\n`);
});
