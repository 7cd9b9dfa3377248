import assert from "node:assert/strict";
import { test } from "node:test";
import { isKeywardError } from "../../base/errors.ts";
import { Secret } from "../../base/secret.ts";
import type { DurationMs, UnixMs } from "../../base/time.ts";
import { type GrantId, parseInstallPath } from "../../model/grant.ts";
import type { VersionNumber } from "../../model/key.ts";
import { parseKeyName, parseNodeName } from "../../model/name.ts";
import { hostKey, type OfflineBundle, openBundle, sealBundle } from "./bundle.ts";
import { decodeContent, encodeContent } from "./content.ts";

const privateKey = Uint8Array.from({ length: 138 }, (_, i) => i);
const machineId = "0123456789abcdef0123456789abcdef";
const host = (): Secret => hostKey(privateKey, machineId);
const counting = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => i + length);

const bundle: OfflineBundle = {
  node: parseNodeName("db1"),
  confirmed: 1_795_000_000_000 as UnixMs,
  entries: [
    {
      grant: "g1" as GrantId,
      key: parseKeyName("db/orders/password"),
      version: 3 as VersionNumber,
      delivery: {
        kind: "file",
        path: parseInstallPath("orders/db.key"),
        owner: "app",
        mode: 0o440,
        run: ["systemctl", "reload", "orders"],
        offline: 3_600_000 as DurationMs,
      },
      value: Secret.fromText("swordfish"),
    },
    {
      grant: "g2" as GrantId,
      key: parseKeyName("empty"),
      version: 1 as VersionNumber,
      delivery: { kind: "file", path: parseInstallPath("/run/empty"), mode: 0o400, offline: 0 as DurationMs },
      value: Secret.copy(new Uint8Array(0)),
    },
    {
      grant: "g3" as GrantId,
      key: parseKeyName("root/password"),
      version: 2 as VersionNumber,
      delivery: {
        kind: "file",
        path: parseInstallPath("/run/root"),
        mode: 0o400,
        offline: 60_000 as DurationMs,
      },
      derived: {
        derivation: {
          scheme: "keyward-1",
          realm: "root",
          kind: { kind: "password", policy: { length: 20, classes: ["lower", "special"], specials: "-_" } },
          purpose: "",
        },
        encoding: "text",
      },
      value: Secret.copy(new Uint8Array(0)),
    },
  ],
};

test("what was sealed opens on the same host", () => {
  const opened = openBundle(sealBundle(bundle, host(), counting), host());
  const plain = ({ entries, ...rest }: OfflineBundle) => ({
    ...rest,
    entries: entries.map(({ value, ...entry }) => ({
      ...entry,
      value: Buffer.from(value.reveal()).toString(),
    })),
  });
  assert.deepEqual(plain(opened), plain(bundle));
});

test("the layout is the byte table's", () => {
  const sealed = Buffer.from(sealBundle(bundle, host(), counting));
  assert.equal(sealed.subarray(0, 5).toString("latin1"), "KWOB\x01");
  assert.deepEqual(new Uint8Array(sealed.subarray(5, 37)), counting(32));
  assert.deepEqual(new Uint8Array(sealed.subarray(37, 49)), counting(12));
  assert.equal(sealed.length, 49 + encodeContent(bundle).length + 16);
  assert.equal(sealed.includes("swordfish"), false);
});

test("a derived key has no value in it", () => {
  const [, , derived] = bundle.entries;
  assert.ok(derived);
  const content = encodeContent({ ...bundle, entries: [{ ...derived, value: Secret.fromText("x") }] });
  assert.throws(() => decodeContent(content.reveal()), { code: "too-large" });
});

test("another machine, or another private key, does not open it", () => {
  const sealed = sealBundle(bundle, host(), counting);
  for (const other of [
    hostKey(privateKey, `${machineId.slice(0, -1)}0`),
    hostKey(privateKey.slice(1), machineId),
  ]) {
    assert.throws(() => openBundle(sealed, other), { code: "wrong-key" });
  }
});

test("each truncation and each changed byte is refused", () => {
  const sealed = sealBundle(bundle, host(), counting);
  for (let i = 0; i < sealed.length; i++) {
    assert.throws(() => openBundle(sealed.slice(0, i), host()), isKeywardError);
    const changed = sealed.slice();
    changed[i] = (changed[i] ?? 0) ^ 1;
    assert.throws(() => openBundle(changed, host()), isKeywardError);
  }
  assert.throws(() => openBundle(Buffer.concat([sealed, Buffer.of(0)]), host()), { code: "wrong-key" });
});

test("each truncation of the plain text, and a byte after it, is refused", () => {
  const content = encodeContent(bundle).reveal();
  for (let i = 0; i < content.length; i++)
    assert.throws(() => decodeContent(content.slice(0, i)), isKeywardError);
  assert.throws(() => decodeContent(Buffer.concat([content, Buffer.of(0)])), /bytes after the last entry/);
});

test("a description with other members, blanks or values out of range is refused", () => {
  const content = Buffer.from(encodeContent(bundle).reveal());
  for (const [from, to] of [
    ['"mode":288', '"mode":999'],
    ['"version":3', '"version":0'],
    ['"kind":"file"', '"kind":"disk"'],
    ['"orders/db.key"', '"../../db.keys"'],
    ['"grant":"g1"', '"grant": "g"'],
    ['"owner":"app"', '"other":"app"'],
  ] as const) {
    const changed = Buffer.from(content.toString("latin1").replace(from, to), "latin1");
    assert.equal(changed.length, content.length);
    assert.throws(() => decodeContent(changed), isKeywardError, to);
  }
});

test("no entries is a bundle too", () => {
  const none = { ...bundle, entries: [] };
  assert.deepEqual(openBundle(sealBundle(none, host(), counting), host()), none);
});
