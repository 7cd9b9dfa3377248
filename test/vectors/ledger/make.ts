/** Makes vectors.json: `node test/vectors/ledger/make.ts > test/vectors/ledger/vectors.json`. */
import { toHex } from "../../../src/base/bytes.ts";
import { Secret } from "../../../src/base/secret.ts";
import type { DurationMs, UnixMs } from "../../../src/base/time.ts";
import { type OpenedSeed, openedSeed } from "../../../src/derive/opened.ts";
import { type Ledger, openLedger } from "../../../src/formats/ledger/ledger.ts";
import { parseInstallPath } from "../../../src/model/grant.ts";
import { parseKeyName } from "../../../src/model/name.ts";
import { newLedger, sealLedger } from "../../../src/seed/ledger.ts";
import { addRealm, bumpRealm, type NewRealm, retireRealm } from "../../../src/seed/realms.ts";

const now = Date.parse("2026-11-22T12:34:26Z") as UnixMs;
const later = (now + 86_400_000) as UnixMs;
const day = 86_400_000 as DurationMs;
const count = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => i);

const ssh: NewRealm = {
  name: parseKeyName("web-1/ssh"),
  derivation: { scheme: "keyward-1", realm: "web-1/ssh", kind: { kind: "ed25519" }, purpose: "ssh-host" },
  encoding: "openssh",
  delivery: {
    kind: "file",
    path: parseInstallPath("/etc/ssh/ssh_host_ed25519_key"),
    owner: "root",
    mode: 0o600,
    run: ["/usr/bin/systemctl", "reload", "ssh"],
  },
  note: "the talk's ssh-v2",
  version: 1,
};
const root: NewRealm = {
  name: parseKeyName("web-1/root"),
  derivation: {
    scheme: "keyward-1",
    realm: "web-1/root",
    kind: { kind: "password", policy: { length: 20, classes: ["special", "lower"], specials: "_-" } },
    purpose: "",
  },
  encoding: "text",
  delivery: { kind: "consumer", run: ["/usr/sbin/chpasswd"] },
  version: 1,
};
const disk: NewRealm = {
  name: parseKeyName("łódź/disk"),
  derivation: { scheme: "keyward-1", realm: "łódź/disk", kind: { kind: "luks" }, purpose: "" },
  encoding: "raw",
  version: 4_294_967_295,
};
const old: NewRealm = {
  name: parseKeyName("bank"),
  derivation: {
    scheme: "gokey-0.1",
    realm: " My bank \u0007 e\u0301",
    kind: { kind: "pass", length: 12 },
    purpose: "",
  },
  encoding: "text",
  version: 1,
};
const web: NewRealm = {
  name: parseKeyName("web"),
  derivation: { scheme: "gokey-0.1", realm: "web", kind: { kind: "raw", length: 16 }, purpose: "" },
  encoding: "hex",
  version: 7,
};

const keyward1 = openedSeed("keyward-1", Secret.take(count(32)));
const gokey = openedSeed("gokey-0.1", Secret.take(count(28 + 256)));

async function one(name: string, seed: OpenedSeed, seedHex: string, ledger: Ledger) {
  const text = Buffer.from(await sealLedger(ledger, seed)).toString();
  const { key, ...read } = openLedger(Buffer.from(text));
  return { name, seed: seedHex, key: toHex(key), ledger: read, text };
}

let first = addRealm(newLedger(keyward1, now), keyward1, ssh, now);
first = bumpRealm(first, keyward1, "web-1/ssh", day, later);
first = addRealm(first, keyward1, root, later);
first = addRealm(first, keyward1, disk, later);
first = retireRealm(first, "łódź/disk", { within: 0 as DurationMs }, later);
let second = addRealm(newLedger(gokey, now), gokey, old, now);
second = addRealm(second, gokey, web, now);

console.log(
  JSON.stringify(
    {
      origin: "made by src/seed of this repository; see docs/formats/ledger.md",
      cases: [
        await one("no realm yet", keyward1, toHex(count(32)), { ...newLedger(keyward1, now), sequence: 1 }),
        await one("versions, deliveries, and a realm that is retired", keyward1, toHex(count(32)), first),
        await one("an imported gokey seed, with a realm text that is no name", gokey, toHex(count(284)), second),
      ],
    },
    null,
    1,
  ),
);
