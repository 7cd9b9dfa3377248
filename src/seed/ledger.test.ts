import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fromHex, utf8 } from "../base/bytes.ts";
import { isKeywardError } from "../base/errors.ts";
import { Secret } from "../base/secret.ts";
import type { UnixMs } from "../base/time.ts";
import { type OpenedSeed, openedSeed } from "../derive/opened.ts";
import { signLedger } from "../formats/ledger/ledger.ts";
import { parseKeyName } from "../model/name.ts";
import type { Scheme } from "../model/realm.ts";
import { newLedger, openOwnLedger, sealLedger } from "./ledger.ts";
import { addRealm } from "./realms.ts";

const { cases } = JSON.parse(
  readFileSync(join(import.meta.dirname, "../../test/vectors/ledger/vectors.json"), "utf8"),
);
const now = 1_795_000_000_000 as UnixMs;

function open(scheme: Scheme, fill = 7): OpenedSeed {
  return openedSeed(scheme, Secret.take(new Uint8Array(scheme === "keyward-1" ? 32 : 284).fill(fill)));
}

for (const { name, seed, ledger, text } of cases)
  test(`the seed of the vector "${name}" reads it, and signs it again to the byte`, async () => {
    using opened = openedSeed(ledger.scheme, Secret.take(fromHex(seed, "seed")));
    const { key, ...read } = await openOwnLedger(utf8(text), opened);
    assert.deepEqual(read, ledger);
    assert.equal(Buffer.from(await sealLedger(read, opened)).toString(), text);
  });

for (const scheme of ["keyward-1", "gokey-0.1", "gokey-0.2"] as const)
  test(`${scheme}: only the seed itself can sign its ledger`, async () => {
    using seed = open(scheme);
    using other = open(scheme, 8);
    const ledger = { ...newLedger(seed, now), sequence: 1 };
    const bytes = await sealLedger(ledger, seed);
    await openOwnLedger(bytes, seed);
    await assert.rejects(openOwnLedger(bytes, other), (error) => isKeywardError(error, "wrong-key"));
    await assert.rejects(sealLedger(ledger, other), (error) => isKeywardError(error, "wrong-key"));
    const forged = signLedger(ledger, Secret.take(new Uint8Array(32).fill(1)));
    await assert.rejects(openOwnLedger(forged, seed), (error) => isKeywardError(error, "integrity"));
  });

test("a version that is no longer the key that was listed is named before anything is derived", async () => {
  using seed = open("keyward-1");
  const name = parseKeyName("web-1/ssh");
  const derivation = { scheme: seed.scheme, realm: name, kind: { kind: "ed25519" }, purpose: "" } as const;
  const wrong = { ...seed, tag: () => "0".repeat(32) };
  const ledger = addRealm(
    newLedger(seed, now),
    wrong,
    { name, derivation, encoding: "openssh", version: 1 },
    now,
  );
  await assert.rejects(
    openOwnLedger(await sealLedger(ledger, seed), seed),
    (error) => isKeywardError(error, "integrity") && /web-1\/ssh version 1/.test(error.message),
  );
});
