/** A machine below a folder: a seed in its place, a ledger, and readers of its keys: files and a program. */
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Secret } from "../../src/base/secret.ts";
import { systemClock } from "../../src/base/time.ts";
import { systemRandom } from "../../src/crypto/random.ts";
import type { RealmDelivery } from "../../src/formats/ledger/ledger.ts";
import { openPlace, parsePlace } from "../../src/machine/seed-place.ts";
import { type InstallPath, parseInstallPath } from "../../src/model/grant.ts";
import { parseKeyName } from "../../src/model/name.ts";
import type { KeyEncoding, RealmKind } from "../../src/model/realm.ts";
import type { SeedPlace } from "../../src/model/seed-place.ts";
import { encodeKey } from "../../src/seed/encode.ts";
import { newLedger, openOwnLedger, sealLedger } from "../../src/seed/ledger.ts";
import { addRealm } from "../../src/seed/realms.ts";
import { type MachineSeed, type Openers, openMachineSeed, sealAnew } from "../../src/seed/seed.ts";

export const openersForTest: Openers = {
  keyFile: async () => Secret.fromText("q0Zt2c3kqX9a8mNfB1yLwV7uJrE5sDhT4gPiOx6KjHc="),
};

export function placeForTest(root: string, kind: string): Promise<SeedPlace> {
  const text = kind === "uefi" ? `uefi:${join(root, "efivars")}` : join(root, "seed");
  return openPlace(parsePlace(text, root), { env: {} });
}

interface Reader {
  readonly name: string;
  readonly kind: RealmKind;
  readonly encoding: KeyEncoding;
  readonly delivery: RealmDelivery;
  /** Where the reader has the key in the end. */
  readonly file: string;
}

export function readersOf(root: string): Reader[] {
  const at = (name: string): InstallPath => parseInstallPath(join(root, "etc", name));
  const consumer = join(root, "consumer");
  return [
    {
      name: "disk/data",
      kind: { kind: "luks" },
      encoding: "raw",
      delivery: { kind: "consumer", run: [consumer, at("disk.key")] },
      file: at("disk.key"),
    },
    {
      name: "ssh/host",
      kind: { kind: "ed25519" },
      encoding: "openssh",
      delivery: { kind: "file", path: at("ssh_host_ed25519_key"), mode: 0o600 },
      file: at("ssh_host_ed25519_key"),
    },
    {
      name: "vpn",
      kind: { kind: "wireguard" },
      encoding: "base64",
      delivery: {
        kind: "file",
        path: at("vpn.key"),
        mode: 0o600,
        run: ["/bin/cp", at("vpn.key"), at("vpn.seen")],
      },
      file: at("vpn.seen"),
    },
  ];
}

/** A machine with a seed of generation 1, each key of which was delivered. */
export async function makeMachine(root: string, kind: string): Promise<void> {
  for (const name of ["etc", "efivars"]) mkdirSync(join(root, name), { mode: 0o700, recursive: true });
  writeFileSync(join(root, "consumer"), '#!/bin/sh\ncat > "$1.new" && mv "$1.new" "$1"\n');
  chmodSync(join(root, "consumer"), 0o700);
  const place = await placeForTest(root, kind);
  const bytes = Secret.take(systemRandom(32));
  const what = { scheme: "keyward-1", generation: 1 } as const;
  await place.create(await sealAnew(what, bytes, { kind: "key-file" }, openersForTest, systemRandom));
  using machine = await openMachineSeed(place, openersForTest);
  let ledger = newLedger(machine.seed, systemClock());
  for (const { name, kind: one, encoding, delivery } of readersOf(root)) {
    const derivation = { scheme: "keyward-1", realm: name, kind: one, purpose: "" } as const;
    const realm = { name: parseKeyName(name), derivation, encoding, delivery, version: 1 };
    ledger = addRealm(ledger, machine.seed, realm, systemClock());
  }
  writeFileSync(join(root, "ledger"), await sealLedger(ledger, machine.seed));
  for (const { file, key } of await keysOf(root, machine)) writeFileSync(file, key, { mode: 0o600 });
}

/** What each reader should have, by the machine's seed and its ledger, both of which must be of one seed. */
export async function keysOf(
  root: string,
  { seed }: MachineSeed,
): Promise<{ file: string; key: Uint8Array }[]> {
  const ledger = await openOwnLedger(readFileSync(join(root, "ledger")), seed);
  const keys: { file: string; key: Uint8Array }[] = [];
  for (const { name, file } of readersOf(root)) {
    const realm = ledger.realms.find((one) => one.name === name);
    if (realm === undefined) throw new Error(`no realm ${name}`);
    const value = await seed.derive(realm.derivation, 1);
    keys.push({ file, key: encodeKey(realm.derivation, value, realm.encoding).reveal() });
  }
  return keys;
}
