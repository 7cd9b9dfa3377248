import assert from "node:assert/strict";
import { test } from "node:test";
import { isKeywardError } from "../base/errors.ts";
import { Secret } from "../base/secret.ts";
import type { DurationMs, UnixMs } from "../base/time.ts";
import { openedSeed } from "../derive/opened.ts";
import { type Ledger, openLedger } from "../formats/ledger/ledger.ts";
import { parseKeyName } from "../model/name.ts";
import { newLedger, sealLedger } from "./ledger.ts";
import { mergeIntoLedger, mergeIntoStore, type StoredRealm } from "./merge.ts";
import { addRealm, bumpRealm, retireRealm } from "./realms.ts";

const now = 1_795_000_000_000 as UnixMs;
const day = 86_400_000 as DurationMs;
const seed = openedSeed("keyward-1", Secret.take(new Uint8Array(32).fill(7)));

type States = readonly ("current" | "retiring" | "retired")[];

function stored(name: string, states: States, more: Partial<StoredRealm> = {}): StoredRealm {
  const versions = states.map((kind, i) => ({
    number: i + 1,
    created: (now + 250) as UnixMs,
    state:
      kind === "current"
        ? { kind }
        : kind === "retiring"
          ? { kind, until: (now + day) as UnixMs }
          : { kind, at: now },
  }));
  const derivation = { scheme: "keyward-1", realm: name, kind: { kind: "ed25519" }, purpose: "" } as const;
  return { name: parseKeyName(name), derivation, encoding: "openssh", versions, ...more };
}

function listed(name: string, bumps = 0): Ledger {
  const { derivation, encoding, name: key } = stored(name, []);
  let ledger = addRealm(newLedger(seed, now), seed, { name: key, derivation, encoding, version: 1 }, now);
  for (let i = 0; i < bumps; i++) ledger = bumpRealm(ledger, seed, name, day, now);
  return ledger;
}

const conflict = (error: unknown): boolean => isKeywardError(error, "conflict") && /"a"/.test(error.message);

test("a realm of the store comes into the ledger with all its versions, and the seed can sign it", async () => {
  const { ledger, merged } = mergeIntoLedger(
    newLedger(seed, now),
    seed,
    [stored("a", ["retired", "retiring", "current"])],
    now,
  );
  assert.deepEqual(merged, [{ name: "a", change: "add", to: 3 }]);
  const [realm] = openLedger(await sealLedger(ledger, seed)).realms;
  assert.deepEqual(
    realm?.versions.map(({ state }) => state.kind),
    ["retired", "retiring", "current"],
  );
  assert.equal(ledger.sequence, 1);
});

test("the version that the ledger had as current becomes what the store says of it", () => {
  const { ledger, merged } = mergeIntoLedger(listed("a"), seed, [stored("a", ["retiring", "current"])], now);
  assert.deepEqual(merged, [{ name: "a", change: "raise", from: 1, to: 2 }]);
  assert.deepEqual(
    ledger.realms[0]?.versions.map(({ state }) => state.kind),
    ["retiring", "current"],
  );
});

test("no version is lowered, on either side", () => {
  const ahead = listed("a", 2);
  const kept = mergeIntoLedger(ahead, seed, [stored("a", ["current"])], now);
  assert.equal(kept.ledger, ahead);
  assert.deepEqual(kept.merged, [
    { name: "a", change: "keep", from: 3, because: "the store has version 1 only" },
  ]);
  const [forStore] = mergeIntoStore(listed("a"), [stored("a", ["retired", "current"])]);
  assert.equal(forStore?.change, "keep");
  assert.equal(forStore?.because, "the ledger has version 1 only");
});

test("nothing to do leaves the ledger as it is", () => {
  const ledger = listed("a");
  const result = mergeIntoLedger(ledger, seed, [stored("a", ["current"])], now);
  assert.equal(result.ledger, ledger);
  assert.deepEqual(result.merged, [{ name: "a", change: "keep", from: 1 }]);
});

test("another key by the same name is a conflict, and nothing is merged", () => {
  const other = stored("a", ["retired", "current"], { encoding: "pem" });
  assert.throws(() => mergeIntoLedger(listed("a"), seed, [other], now), conflict);
  assert.throws(() => mergeIntoStore(listed("a"), [other]), conflict);
});

test("a policy that is written in another order is the same key", () => {
  const password = (classes: readonly ("lower" | "digit" | "special")[], specials: string): StoredRealm =>
    stored("a", ["current"], {
      encoding: "text",
      derivation: {
        scheme: "keyward-1",
        realm: "a",
        kind: { kind: "password", policy: { length: 12, classes, specials } },
        purpose: "",
      },
    });
  const { ledger } = mergeIntoLedger(newLedger(seed, now), seed, [password(["special", "lower"], "_-")], now);
  const again = mergeIntoLedger(ledger, seed, [password(["lower", "special"], "-_")], now);
  assert.equal(again.merged[0]?.change, "keep");
  assert.throws(() => mergeIntoLedger(ledger, seed, [password(["lower", "special"], "-+")], now), conflict);
});

test("what cannot be taken over is left out, with the reason", () => {
  const back = stored("a", ["current", "retiring"]);
  const gokey = stored("b", ["current"], {
    derivation: { scheme: "gokey-0.2", realm: "b", kind: { kind: "ed25519" }, purpose: "" },
  });
  const { merged } = mergeIntoLedger(newLedger(seed, now), seed, [back, gokey], now);
  assert.deepEqual(
    merged.map(({ change }) => change),
    ["skip", "skip"],
  );
  assert.match(merged[0]?.because ?? "", /newest version in the store is not the current one/);
  assert.match(merged[1]?.because ?? "", /scheme gokey-0\.2/);
  const retired = retireRealm(listed("a"), "a", { within: 0 as DurationMs }, now);
  assert.deepEqual(mergeIntoStore(retired, [])[0]?.because, "it is retired");
});

test("the store is told what it lacks, with the number that was counted here", () => {
  const plan = (ledger: Ledger, there: StoredRealm[]) =>
    mergeIntoStore(ledger, there).map(({ realm, ...one }) => one);
  assert.deepEqual(plan(listed("a", 4), []), [{ name: "a", change: "add", to: 5 }]);
  assert.deepEqual(plan(listed("a", 4), [stored("a", ["current"])]), [
    { name: "a", change: "raise", from: 1, to: 5 },
  ]);
});
