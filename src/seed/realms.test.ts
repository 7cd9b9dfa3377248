import assert from "node:assert/strict";
import { test } from "node:test";
import { type ErrorCode, isKeywardError } from "../base/errors.ts";
import { Secret } from "../base/secret.ts";
import type { DurationMs, UnixMs } from "../base/time.ts";
import { openedSeed } from "../derive/opened.ts";
import type { Ledger } from "../formats/ledger/ledger.ts";
import { parseKeyName } from "../model/name.ts";
import type { RealmKind, Scheme } from "../model/realm.ts";
import { newLedger } from "./ledger.ts";
import {
  addRealm,
  bumpRealm,
  findRealm,
  lookUp,
  type NewRealm,
  retireRealm,
  setRealm,
  toRotate,
} from "./realms.ts";

const day = 86_400_000;
const now = 1_795_000_000_000 as UnixMs;
const after = (days: number): UnixMs => (now + days * day) as UnixMs;
const days = (count: number): DurationMs => (count * day) as DurationMs;
const keyward1 = openedSeed("keyward-1", Secret.take(new Uint8Array(32).fill(7)));
const gokey = openedSeed("gokey-0.1", Secret.take(new Uint8Array(284).fill(7)));

function realm(
  name: string,
  more: Partial<NewRealm> & { scheme?: Scheme; text?: string; kind?: RealmKind } = {},
): NewRealm {
  const { scheme = "keyward-1", text = name, kind = { kind: "ed25519" }, ...rest } = more;
  const derivation = { scheme, realm: text, kind, purpose: "" };
  return { name: parseKeyName(name), derivation, encoding: "openssh", version: 1, ...rest };
}

const listed = (...names: string[]): Ledger =>
  names.reduce((ledger, name) => addRealm(ledger, keyward1, realm(name), now), newLedger(keyward1, now));

const refused = (run: () => unknown, code: ErrorCode, message: RegExp, hint?: RegExp): void =>
  assert.throws(run, (error) => {
    assert.ok(isKeywardError(error, code), String(error));
    assert.match(error.message, message);
    if (hint !== undefined) assert.match(error.hint ?? "", hint);
    return true;
  });

test("each change counts the sequence up, and realms stand in order", () => {
  const ledger = listed("web/ssh", "db/disk");
  assert.equal(ledger.sequence, 2);
  assert.deepEqual(
    ledger.realms.map(({ name }) => name),
    ["db/disk", "web/ssh"],
  );
});

test("a typo finds no realm, and the closest name is named", () => {
  refused(
    () => lookUp(listed("web/ssh", "db/disk"), "web/shs", undefined, now),
    "not-found",
    /no such realm: "web\/shs"/,
    /did you mean "web\/ssh"\?/,
  );
  refused(() => lookUp(listed(), "x", undefined, now), "not-found", /no such realm/, /realm list/);
});

test("after a bump the next version is current, and the one before is derivable until its time", () => {
  const ledger = bumpRealm(listed("ssh"), keyward1, "ssh", days(30), now);
  assert.equal(lookUp(ledger, "ssh", undefined, now).version, 2);
  assert.equal(lookUp(ledger, "ssh", 1, after(29)).version, 1);
  refused(() => lookUp(ledger, "ssh", 1, after(30)), "conflict", /version 1: is retired/);
  refused(() => lookUp(ledger, "ssh", 3, now), "not-found", /has no version 3/, /it has: 1, 2/);
});

test("a bump without time retires the version before at once", () => {
  const ledger = bumpRealm(listed("ssh"), keyward1, "ssh", days(0), now);
  assert.deepEqual(ledger.realms[0]?.versions[0]?.state, { kind: "retired", at: now });
});

test("a version whose time is over is written down as retired by the next change", () => {
  const once = bumpRealm(listed("ssh"), keyward1, "ssh", days(1), now);
  const twice = bumpRealm(once, keyward1, "ssh", days(1), after(5));
  assert.deepEqual(
    twice.realms[0]?.versions.map(({ state }) => state.kind),
    ["retired", "retiring", "current"],
  );
  assert.deepEqual(twice.realms[0]?.versions[0]?.state, { kind: "retired", at: after(1) });
});

test("a retired realm stays known, derives nothing, and is in use again by a bump", () => {
  const retired = retireRealm(listed("ssh"), "ssh", { within: days(0) }, now);
  refused(() => lookUp(retired, "ssh", undefined, now), "conflict", /"ssh": is retired/, /realm bump ssh/);
  refused(
    () => addRealm(retired, keyward1, realm("ssh"), now),
    "conflict",
    /is listed already/,
    /realm bump ssh/,
  );
  refused(() => retireRealm(retired, "ssh", { within: days(0) }, now), "conflict", /is retired already/);
  assert.equal(lookUp(bumpRealm(retired, keyward1, "ssh", days(1), now), "ssh", undefined, now).version, 2);
});

test("retiring one version leaves the others, and gives none more time than it had", () => {
  const ledger = bumpRealm(listed("ssh"), keyward1, "ssh", days(30), now);
  const sooner = retireRealm(ledger, "ssh", { version: 1, within: days(1) }, now);
  assert.deepEqual(sooner.realms[0]?.versions[0]?.state, { kind: "retiring", until: after(1) });
  const later = retireRealm(sooner, "ssh", { version: 1, within: days(9) }, now);
  assert.deepEqual(later.realms[0]?.versions[0]?.state, { kind: "retiring", until: after(1) });
  assert.equal(lookUp(later, "ssh", undefined, now).version, 2);
});

test("gokey knows no versions: ssh in version 2 and ssh-v2 are one key, and only one of them is listed", () => {
  const pass = { scheme: "gokey-0.1", kind: { kind: "pass", length: 10 } } as const;
  const ledger = addRealm(newLedger(gokey, now), gokey, realm("ssh", pass), now);
  const both = addRealm(ledger, gokey, realm("ssh-v2", pass), now);
  refused(() => bumpRealm(both, gokey, "ssh", days(1), now), "conflict", /is the key of "ssh-v2" version 1/);
  const bumped = bumpRealm(ledger, gokey, "ssh", days(1), now);
  refused(
    () => addRealm(bumped, gokey, realm("ssh-v2", pass), now),
    "conflict",
    /is the key of "ssh" version 2/,
  );
});

test("a gokey realm's text is kept as it is, whatever it is", () => {
  const text = " My bank e\u0301 ";
  const pass = { scheme: "gokey-0.1", kind: { kind: "pass", length: 10 }, text } as const;
  const ledger = addRealm(newLedger(gokey, now), gokey, realm("bank", pass), now);
  assert.equal(lookUp(ledger, "bank", undefined, now).derivation.realm, text);
});

test("Keyward's own realms are nobody else's", () => {
  refused(
    () => addRealm(listed(), keyward1, realm("keyward/ledger"), now),
    "usage",
    /is one of Keyward's own/,
  );
  refused(
    () => addRealm(listed(), keyward1, realm("x", { text: "keyward/ledger" }), now),
    "usage",
    /is one of Keyward's own/,
  );
});

test("a kind that the seed does not derive is not listed", () => {
  refused(
    () => addRealm(listed(), keyward1, realm("a", { kind: { kind: "pass", length: 10 } }), now),
    "usage",
    /keyward-1/,
  );
  refused(
    () => addRealm(listed(), keyward1, realm("a", { scheme: "gokey-0.1" }), now),
    "usage",
    /is of scheme gokey-0.1/,
  );
});

test("form, note and place change while the keys stay, and what is not named stays as it is", () => {
  const before = findRealm(listed("a"), "a");
  const delivery = { kind: "consumer", run: ["/bin/true"] } as const;
  const noted = setRealm(listed("a"), "a", { note: "for b", delivery, encoding: "openssh" }, after(1));
  const changed = findRealm(noted, "a");
  assert.deepEqual(
    [changed.note, changed.delivery, changed.encoding, changed.versions, changed.derivation],
    ["for b", delivery, "openssh", before.versions, before.derivation],
  );
  assert.equal(noted.sequence, listed("a").sequence + 1);
  const {
    note,
    delivery: where,
    ...rest
  } = findRealm(setRealm(noted, "a", { note: null, delivery: null }, after(1)), "a");
  assert.deepEqual([note, where, rest.encoding], [undefined, undefined, "openssh"]);
  assert.equal(findRealm(setRealm(noted, "a", { encoding: "raw" }, after(1)), "a").note, "for b");
  refused(() => setRealm(noted, "b", { note: "x" }, now), "not-found", /no such realm/);
  refused(() => setRealm(noted, "a", { encoding: "authorized-keys" }, now), "usage", /./);
});

test("all that an imported 0.1 seed still derives is to be rotated, and nothing of other seeds", () => {
  const pass = { scheme: "gokey-0.1", kind: { kind: "pass", length: 10 } } as const;
  let ledger = addRealm(newLedger(gokey, now), gokey, realm("a", pass), now);
  ledger = bumpRealm(addRealm(ledger, gokey, realm("b", pass), now), gokey, "b", days(1), now);
  ledger = retireRealm(addRealm(ledger, gokey, realm("c", pass), now), "c", { within: days(0) }, now);
  assert.deepEqual(
    toRotate(ledger, now).map(({ name, versions }) => [name, versions]),
    [
      ["a", [1]],
      ["b", [1, 2]],
    ],
  );
  assert.deepEqual(toRotate(ledger, after(2)).at(-1)?.versions, [2]);
  assert.deepEqual(toRotate(listed("a"), now), []);
});
