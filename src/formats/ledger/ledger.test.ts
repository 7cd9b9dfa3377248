import assert from "node:assert/strict";
import { createPublicKey, verify } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { fields, fromHex, toHex, utf8 } from "../../base/bytes.ts";
import { type ErrorCode, isKeywardError } from "../../base/errors.ts";
import { canonicalJson } from "../../base/json.ts";
import { Secret } from "../../base/secret.ts";
import { ed25519Sign } from "../../crypto/sign.ts";
import { MAX_LEDGER_BYTES, openLedger, signLedger } from "./ledger.ts";

const { cases } = JSON.parse(
  readFileSync(join(import.meta.dirname, "../../../test/vectors/ledger/vectors.json"), "utf8"),
);
const [empty, full, gokey] = cases;
const key = (): Secret => Secret.take(new Uint8Array(32).fill(9));

/** A text whose lines were changed, signed again by who may: only the parser stands in its way. */
function signed(change: (lines: string[]) => string[], text: string = full.text): Uint8Array {
  const lines = Buffer.from(signLedger(openLedger(utf8(text)), key()))
    .toString()
    .trimEnd()
    .split("\n");
  const body = `${change(lines.slice(0, -1)).join("\n")}\n`;
  const signature = Buffer.from(ed25519Sign(key().reveal(), fields("keyward/ledger-1", body)));
  return utf8(`${body}${canonicalJson({ signature: signature.toString("base64") })}\n`);
}

const refuses = (bytes: Uint8Array, code: ErrorCode, message: RegExp = /ledger/): void =>
  assert.throws(
    () => openLedger(bytes),
    (error) => isKeywardError(error, code) && message.test(error.message),
  );

test("the published vectors are read, and written again to the byte", () => {
  for (const { name, ledger, key: publicKey, text } of cases) {
    const { key: found, ...read } = openLedger(utf8(text));
    assert.deepEqual(read, ledger, name);
    assert.equal(toHex(found), publicKey, name);
    const own = Buffer.from(signLedger(ledger, key())).toString();
    const second = own.replace(
      /"key":"[^"]+"/,
      `"key":"${Buffer.from(publicKey, "hex").toString("base64")}"`,
    );
    assert.equal(second.split("\n").slice(0, -2).join("\n"), text.split("\n").slice(0, -2).join("\n"), name);
  }
});

test("anyone with the public key can verify it, by Ed25519 over the lines and nothing else", () => {
  const at = full.text.lastIndexOf('{"signature"');
  const signature = Buffer.from(JSON.parse(full.text.slice(at)).signature, "base64");
  const spki = Buffer.concat([Buffer.from("302a300506032b6570032100", "hex"), fromHex(full.key, "key")]);
  const publicKey = createPublicKey({ key: spki, format: "der", type: "spki" });
  assert.ok(verify(null, fields("keyward/ledger-1", full.text.slice(0, at)), publicKey, signature));
});

test("each truncation is refused", () => {
  const bytes = utf8(full.text);
  for (let length = 0; length < bytes.length; length++)
    assert.throws(
      () => openLedger(bytes.subarray(0, length)),
      (error) => isKeywardError(error),
      `${length}`,
    );
});

test("each changed byte is refused", () => {
  const bytes = utf8(gokey.text);
  for (let at = 0; at < bytes.length; at++)
    for (const bit of [1, 0x20, 0x80])
      assert.throws(
        () => openLedger(bytes.map((byte, i) => (i === at ? byte ^ bit : byte))),
        (error) => isKeywardError(error),
        `byte ${at}`,
      );
});

describe("a ledger that was signed by its seed and is not as it should be is refused:", () => {
  const line = (change: (text: string) => string) => (lines: string[]) =>
    lines.map((text) => (text.includes('"web-1/ssh"') ? change(text) : text));
  const bad: Readonly<Record<string, (lines: string[]) => string[]>> = {
    "a blank line": (lines) => [...lines, ""],
    "a blank in a line": line((text) => text.replace(",", ", ")),
    "members in another order": line(
      (text) => `{"versions":${JSON.stringify(JSON.parse(text).versions)},${text.slice(1)}`,
    ),
    "a member that is not known": line((text) => text.replace('{"changed"', '{"a":1,"changed"')),
    "a member of another kind": line((text) =>
      text.replace('"kind":"ed25519"', '"kind":"ed25519","length":32'),
    ),
    "realms out of order": ([head = "", ...lines]) => [head, ...lines.reverse()],
    "a realm that stands twice": ([head = "", one = "", ...lines]) => [head, one, one, ...lines],
    "no versions": line((text) => text.replace(/"versions":\[.*\]/, '"versions":[]')),
    "versions out of order": line((text) => text.replace('"number":1,', '"number":3,')),
    "two current versions": line((text) =>
      text.replace('"state":"retiring"', '"state":"current"').replace(/,"until":"[^"]+"/, ""),
    ),
    "a version in a state that there is not": line((text) =>
      text.replace('"state":"current"', '"state":"new"'),
    ),
    "version 0": line((text) => text.replace('"number":1,', '"number":0,')),
    "a time that is none": line((text) => text.replace(/"created":"2026/, '"created":"x026')),
    "a time in fractions of a second": line((text) => text.replace(/("created":"[^"]+)Z"/, '$1.5Z"')),
    "a tag in capitals": line((text) => text.replace(/"tag":"[^"]+"/, `"tag":"${"A".repeat(32)}"`)),
    "one key under two names": (lines) => {
      const tag = /"tag":"[^"]+"/.exec(lines[1] ?? "")?.[0] ?? "";
      return lines.map((text, i) => (i === 2 ? text.replace(/"tag":"[^"]+"/, tag) : text));
    },
    "a text that says what the name says": line((text) =>
      text.replace('"versions"', '"text":"web-1/ssh","versions"'),
    ),
    "half of a character": line((text) => text.replace('"versions"', '"text":"\\ud800","versions"')),
    "a note of two lines": line((text) => text.replace(/"note":"[^"]+"/, '"note":"a\\nb"')),
    "an encoding that there is not": line((text) => text.replace('"openssh"', '"gif"')),
    "a mode with more than permission bits": line((text) => text.replace('"mode":"0600"', '"mode":"4600"')),
    "a relative program": line((text) => text.replace("/usr/bin/systemctl", "systemctl")),
    "a relative path": line((text) => text.replace('"path":"/', '"path":"')),
    "an owner with a colon": line((text) => text.replace('"owner":"root"', '"owner":"root:root"')),
    "another format": ([head = "", ...lines]) => [
      head.replace("keyward-ledger-1", "keyward-ledger-2"),
      ...lines,
    ],
    "another scheme": ([head = "", ...lines]) => [head.replace("keyward-1", "keyward-9"), ...lines],
    "a sequence below 1": ([head = "", ...lines]) => [
      head.replace(/"sequence":\d+/, '"sequence":0'),
      ...lines,
    ],
    "a seed's id in capitals": ([head = "", ...lines]) => [
      head.replace(/"seed":"[^"]+"/, '"seed":"ABCDEFABCDEFABCD"'),
      ...lines,
    ],
  };
  for (const [what, change] of Object.entries(bad))
    test(what, () => {
      const bytes = signed(change);
      assert.notDeepEqual(
        bytes,
        signed((lines) => lines),
        "nothing was changed",
      );
      assert.throws(
        () => openLedger(bytes),
        (error) => isKeywardError(error, "malformed") || isKeywardError(error, "usage"),
      );
    });
  for (const name of ["../etc", "a//b", "a b", "e\u0301"])
    test(`the name ${JSON.stringify(name)}`, () => {
      refuses(
        signed((lines) => lines.map((text) => text.replace("web-1/ssh", name))),
        "usage",
        /key name/,
      );
    });
});

test("another signature, or another key in the head, does not fit", () => {
  const lines = full.text.split("\n");
  const other = Buffer.from(signLedger(full.ledger, key())).toString().split("\n");
  refuses(utf8([...lines.slice(0, -2), other.at(-2), ""].join("\n")), "integrity");
  refuses(utf8([other[0], ...lines.slice(1)].join("\n")), "integrity");
});

test("limits hold: bytes, realms, versions, and the length of a line", () => {
  refuses(new Uint8Array(MAX_LEDGER_BYTES + 1), "too-large");
  const [, realm] = signed((lines) => lines).toString().length > 0 ? full.text.split("\n") : [];
  refuses(
    signed((lines) => [...lines, ...new Array<string>(10_000).fill(realm ?? "")]),
    "too-large",
  );
  const [one] = full.ledger.realms;
  const versions = (count: number) =>
    Array.from({ length: count }, (_, i) => ({
      number: i + 1,
      state: { kind: "retired", at: 0 },
      created: 0,
      tag: i.toString(16).padStart(32, "0"),
    }));
  const many = (count: number) => ({ ...empty.ledger, realms: [{ ...one, versions: versions(count) }] });
  assert.equal(openLedger(signLedger(many(512), key())).realms[0]?.versions.length, 512);
  assert.throws(
    () => signLedger(many(513), key()),
    (error) => isKeywardError(error, "too-large"),
  );
  assert.throws(
    () => signLedger({ ...empty.ledger, realms: [{ ...one, note: "x".repeat(200_000) }] }, key()),
    (error) => isKeywardError(error, "too-large"),
  );
});

test("what it would not read, it does not write", () => {
  const [one] = full.ledger.realms;
  for (const realm of [
    { ...one, note: "a\nb" },
    { ...one, versions: [] },
    { ...one, name: "a b" },
  ])
    assert.throws(() => signLedger({ ...empty.ledger, realms: [realm] }, key()), isKeywardError);
});

test("an error names the line and the member, and no value", () => {
  const note = "swordfish\u0001";
  const bytes = signed((lines) =>
    lines.map((text) => text.replace(/"note":"[^"]+"/, `"note":${JSON.stringify(note)}`)),
  );
  assert.throws(
    () => openLedger(bytes),
    (error) => isKeywardError(error) && error.message === "ledger line 3: note is not as it should be",
  );
});
