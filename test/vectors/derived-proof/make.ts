/** Makes v1.json: `node test/vectors/derived-proof/make.ts > test/vectors/derived-proof/v1.json`. ECDSA is random. */
import { createPrivateKey, createPublicKey } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fromHex, toBase64, toHex } from "../../../src/base/bytes.ts";
import { Secret } from "../../../src/base/secret.ts";
import { openedSeed } from "../../../src/derive/opened.ts";
import { proveDerived, signs } from "../../../src/formats/derived-proof/derived-proof.ts";
import type { Derivation, RealmKind } from "../../../src/model/realm.ts";
import { encodeKey } from "../../../src/seed/encode.ts";

const load = (name: string) => JSON.parse(readFileSync(join(import.meta.dirname, "..", name), "utf8"));
const challenge = Uint8Array.from({ length: 32 }, (_, i) => i);
const kinds: readonly RealmKind[] = [
  { kind: "ed25519" },
  { kind: "p256" },
  { kind: "p384" },
  { kind: "p521" },
  { kind: "x25519" },
  { kind: "wireguard" },
  { kind: "rsa2048" },
  { kind: "raw", length: 32 },
  { kind: "password", policy: { length: 20, classes: ["lower", "digit"] } },
];
const seed = openedSeed("keyward-1", Secret.take(fromHex(load("keyward-1/vectors.json").seed, "seed")));
const gokey = (name: string): Secret =>
  Secret.fromText(
    load(`gokey/${name}.json`).cases.find((one: { length: unknown }) => one.length === null).stdout["0.2"],
  );

const vectors = [];
for (const kind of kinds) {
  const ours = kind.kind !== "p521" && kind.kind !== "rsa2048";
  const what: Derivation = { scheme: ours ? "keyward-1" : "gokey-0.2", realm: "ssh", kind, purpose: "" };
  const value = ours ? await seed.derive(what, 2) : gokey(kind.kind === "p521" ? "ec521" : "rsa2048");
  const isKey = !["raw", "password"].includes(kind.kind);
  const key = isKey
    ? createPrivateKey(Buffer.from(encodeKey(what, value, "pem").reveal()).toString())
    : undefined;
  const half = key && toBase64(createPublicKey(key).export({ format: "der", type: "spki" }));
  const shown = {
    seed: seed.id,
    generation: 1,
    tag: ours ? seed.tag(what, 2) : "00112233445566778899aabbccddeeff",
    ...(half === undefined ? {} : { public: half }),
  };
  const of = { node: "db1", key: "ssh/host", version: 2, shown };
  const proof = toBase64(proveDerived(challenge, kind.kind, of, key));
  const pkcs8 =
    key && signs(kind.kind) ? { private: toBase64(key.export({ format: "der", type: "pkcs8" })) } : {};
  vectors.push({ kind: kind.kind, challenge: toHex(challenge), ...of, ...pkcs8, proof });
}
console.log(JSON.stringify({ format: "derived-proof v1", vectors }, null, 2));
