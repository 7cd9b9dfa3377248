import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { inspect } from "node:util";
import { fromBase64, toHex } from "../../base/bytes.ts";
import { type ErrorCode, isKeywardError, KeywardError } from "../../base/errors.ts";
import { type ExactJson, type ExactObject, isExactObject, parseExactJson } from "../../base/exact-json.ts";
import { formatExactJson } from "../../base/exact-json-text.ts";
import { Secret } from "../../base/secret.ts";
import { systemRandom } from "../../crypto/random.ts";
import {
  type DataBagSecret,
  type DataBagVersion,
  dataBagSecret,
  decryptDataBagItem,
  encryptDataBagItem,
  encryptUnlessEncrypted,
  formsOf,
  isEncrypted,
  openDataBagItem,
  PlainItem,
  parseStoredItem,
  type StoredItem,
  secretOfFile,
} from "./databag.ts";
import { openValue, sealValue } from "./value.ts";
import { loadYaml, readYaml } from "./yaml-read.ts";

const folder = new URL("../../../test/vectors/chef/", import.meta.url);

/** With the numbers' digits and kinds, and the members' order, as the recorder wrote them. */
function load(name: string): ExactObject {
  const value = parseExactJson(readFileSync(new URL(`${name}.json`, folder), "utf8"), name);
  assert.ok(isExactObject(value));
  return value;
}

function list(file: ExactObject, name: string): ExactObject[] {
  const found = file.get(name);
  assert.ok(Array.isArray(found));
  return found as ExactObject[];
}

const text = (one: ExactObject, name: string): string => String(one.get(name));
const json = (value: ExactJson | undefined): string => formatExactJson(value ?? null);
const plainOf = (one: ExactObject): string => {
  const outer = parseExactJson(text(one, "plain_json"), "plain_json");
  assert.ok(isExactObject(outer));
  return json(outer.get("v"));
};

const secrets = new Map<string, DataBagSecret>();
for (const one of list(load("edbi-secrets"), "secrets"))
  secrets.set(text(one, "id"), secretOfFile(Secret.take(fromBase64(text(one, "file_base64"), "file"))));
const secretNamed = (name: string): DataBagSecret => secrets.get(name) ?? assert.fail(name);
const yaml = await loadYaml();
const code = (wanted: ErrorCode) => (error: unknown) => isKeywardError(error, wanted);

test("a secret file is read as Chef reads it, and gives Chef's keys", () => {
  for (const one of list(load("edbi-secrets"), "secrets")) {
    const secret = secretNamed(text(one, "id"));
    assert.equal(Buffer.from(secret.macKey).toString(), text(one, "secret"), text(one, "id"));
    assert.equal(toHex(secret.key), text(one, "aes_key_hex"));
    assert.equal(toHex(secret.legacy().key), text(one, "v0_key_hex"));
    assert.equal(toHex(secret.legacy().iv), text(one, "v0_iv_hex"));
  }
});

test("what Chef refuses as a secret file is refused", () => {
  let seen = 0;
  for (const one of list(load("edbi-secrets"), "errors")) {
    const file = one.get("file_base64");
    if (typeof file !== "string") continue;
    seen++;
    const content = Secret.take(fromBase64(file, "file"));
    assert.throws(() => secretOfFile(content), KeywardError, text(one, "id"));
  }
  assert.ok(seen >= 3);
  assert.throws(() => dataBagSecret(Secret.fromText("")), code("usage"));
});

test("a secret that is given directly is not stripped", () => {
  using stripped = secretOfFile(Secret.fromText(" s \n"));
  using direct = dataBagSecret(Secret.fromText(" s \n"));
  using inner = dataBagSecret(Secret.fromText("s"));
  assert.deepEqual(stripped.key, inner.key);
  assert.notDeepEqual(direct.key, inner.key);
});

test("every value that Chef encrypted opens, and with Chef's iv is encrypted to the same bytes", () => {
  const cases = list(load("edbi-values"), "cases");
  assert.equal(cases.length, 321);
  for (const one of cases) {
    const name = text(one, "name");
    const secret = secretNamed(text(one, "secret_id"));
    const stored = one.get("encrypted") ?? null;
    const value = openValue(stored, secret, name, null);
    assert.equal(json(value), plainOf(one), name);
    const iv = Buffer.from(text(one, "iv_hex"), "hex");
    const version = Number(one.get("version")) as DataBagVersion;
    const made = sealValue(value, secret, version, (length) => {
      assert.equal(length, iv.length);
      return new Uint8Array(iv);
    });
    assert.equal(json(made), json(stored), name);
  }
});

test("every value of version 0 that Chef 10 wrote opens", () => {
  for (const one of list(load("edbi-v0"), "written_by_chef10")) {
    const value = openValue(
      one.get("encrypted") ?? null,
      secretNamed(text(one, "secret_id")),
      text(one, "name"),
      yaml,
    );
    assert.equal(json(value), plainOf(one), text(one, "name"));
  }
});

test("YAML is what Chef 19 makes of it, and what it refuses is refused", () => {
  for (const one of list(load("edbi-v0"), "yaml_read_by_chef19")) {
    const name = text(one, "name");
    const open = (): ExactJson =>
      openValue(one.get("encrypted") ?? null, secretNamed(text(one, "secret_id")), name, yaml);
    if (one.has("plain_json")) assert.equal(json(open()), plainOf(one), name);
    else if (one.has("error_class") || name === "yaml_inf") assert.throws(open, code("malformed"), name);
    else assert.equal(open(), "foo", name);
  }
});

test("what we write as version 0 reads back the same, whatever the value", () => {
  const secret = secretNamed("newline");
  for (const file of ["edbi-values", "edbi-v0"])
    for (const one of list(load(file), file === "edbi-values" ? "cases" : "written_by_chef10")) {
      const outer = parseExactJson(text(one, "plain_json"), "plain") as ExactObject;
      const value = outer.get("v") ?? null;
      const made = sealValue(value, secret, 0, systemRandom);
      assert.match(String(made), /^(?:[A-Za-z0-9+/=]{1,60}\n)+$/);
      assert.equal(json(openValue(made, secret, "x", yaml)), json(value), text(one, "name"));
    }
});

test("whole items of each version open, with values of several versions in one, and nothing but id stays", async () => {
  for (const one of list(load("edbi-items"), "items")) {
    const name = text(one, "name");
    const stored = one.get("encrypted") as StoredItem;
    const opened = await decryptDataBagItem(json(stored), secretNamed(text(one, "secret_id")));
    const revealed = Buffer.from(opened.toJson().reveal()).toString();
    assert.equal(revealed, json(one.get("plain")), name);
  }
});

test("each item that is encrypted here opens to what it was, in every version", async () => {
  for (const one of list(load("edbi-items"), "items")) {
    const plain = new PlainItem(one.get("plain") as ExactObject);
    for (const version of [0, 1, 2, 3] as const) {
      const secret = secretNamed("seed_master");
      const stored = encryptDataBagItem(plain, secret, { version });
      const again = await decryptDataBagItem(stored, secret);
      assert.deepEqual(again.toJson().reveal(), plain.toJson().reveal());
      assert.equal(stored.get("id"), plain.id);
      if (stored.size > 1) assert.equal(isEncrypted(stored), version > 0);
    }
  }
});

test("is it encrypted? As Chef decides", () => {
  for (const one of list(load("edbi-items"), "detection"))
    assert.equal(isEncrypted(one.get("raw") as StoredItem), one.get("encrypted?"), text(one, "name"));
});

/** The recorder's own JSON made 3 of 3.0, which Chef was given. */
function asGiven(name: string, stored: ExactJson): ExactJson {
  return name === "version_3.0_float" ? new Map(stored as ExactObject).set("version", 3) : stored;
}

test("of the tampered and odd values those are taken that must be, and no other", async () => {
  const cases = list(load("edbi-negative"), "cases");
  assert.equal(cases.length, 173);
  for (const one of cases) {
    const name = text(one, "name");
    const item: StoredItem = new Map<string, ExactJson>([
      ["id", "x"],
      ["v", asGiven(name, one.get("encrypted") ?? null)],
    ]);
    const minimumVersion = Number(one.get("minimum_version")) as DataBagVersion;
    const secret = secretNamed(text(one, "secret_id"));
    const opening = decryptDataBagItem(item, secret, { minimumVersion });
    switch (one.get("want")) {
      case "accept":
        assert.equal(json((await opening).get("v")), plainOf(one), name);
        break;
      case "reject":
        await assert.rejects(opening, KeywardError, name);
        break;
      default: {
        const value = await opening.then(
          (plain) => json(plain.get("v")),
          (error) => {
            assert.ok(error instanceof KeywardError, name);
            return null;
          },
        );
        if (value !== null && one.has("plain_json")) assert.equal(value, plainOf(one), name);
      }
    }
  }
});

const item = (version: DataBagVersion = 3): StoredItem =>
  encryptDataBagItem(
    PlainItem.parse('{"id":"svc","destination":"tags:a","key":"swordfish canary"}'),
    secretNamed("newline"),
    { version },
  );

test("every changed byte and every truncation of an authenticated value is refused", () => {
  const secret = secretNamed("newline");
  for (const version of [2, 3] as const) {
    const stored = item(version).get("key") as ExactObject;
    for (const member of ["encrypted_data", "iv", version === 2 ? "hmac" : "auth_tag"]) {
      const bytes = Buffer.from(text(stored, member), "base64");
      for (let at = 0; at < bytes.length; at++) {
        const flipped = Buffer.from(bytes);
        flipped[at] = (flipped[at] ?? 0) ^ 0x01;
        for (const changed of [flipped, bytes.subarray(0, at)]) {
          const value = new Map(stored).set(member, `${changed.toString("base64")}\n`);
          const open = (): ExactJson => openValue(value, secret, "x", null);
          assert.throws(open, KeywardError, `version ${version}, ${member}, byte ${at}`);
        }
      }
    }
  }
});

test("a wrong secret, damage, and what is not encrypted are told apart", async () => {
  const secret = secretNamed("newline");
  for (const version of [0, 1, 2, 3] as const) {
    const wrong = decryptDataBagItem(item(version), secretNamed("short"));
    await assert.rejects(wrong, (error) => isKeywardError(error, "wrong-key") || version === 0);
  }
  const stored = item();
  const value = stored.get("key") as ExactObject;
  const changed = new Map(stored).set("key", new Map(value).set("auth_tag", `${"A".repeat(22)}==\n`));
  await assert.rejects(decryptDataBagItem(changed, secret), (error) => {
    assert.ok(isKeywardError(error, "integrity"));
    assert.match(error.message, /^data bag item "svc", "key": was changed/);
    return true;
  });
  const plain = parseStoredItem('{"id":"svc","a":"text","b":5}');
  await assert.rejects(decryptDataBagItem(plain, secret), (error) => {
    assert.ok(isKeywardError(error, "malformed"));
    assert.equal(error.message, 'data bag item "svc": is not encrypted');
    return true;
  });
});

test("of an item that is encrypted in part, or in versions that are too old, the values are named, and why", async () => {
  const secret = secretNamed("newline");
  const says = (stored: StoredItem, wanted: ErrorCode, message: string, minimumVersion: DataBagVersion = 0) =>
    assert.rejects(decryptDataBagItem(stored, secret, { minimumVersion }), (error) => {
      assert.ok(isKeywardError(error, wanted), String(error));
      assert.equal(error.message, message);
      return true;
    });
  const partly = new Map(item()).set("a", "plain text").set("b", 5n);
  await says(
    partly,
    "malformed",
    'data bag item "svc": these values are not encrypted, or cut short: "a", "b"',
  );
  const below = "these values are of a version below the least that is taken";
  await says(item(1), "denied", `data bag item "svc": ${below}: "destination", "key"`, 3);
  const mixed = new Map(
    [...item(3)].concat([...item(2)].map(([name, value]) => [`${name}2`, value] as const)),
  );
  mixed.delete("id2");
  await says(mixed, "denied", `data bag item "svc": ${below}: "destination2", "key2"`, 3);
});

test("what opens of a damaged item is not thrown away, and each problem has its name", async () => {
  const stored = new Map(item()).set("extra", "not encrypted at all");
  const { plain, problems } = await openDataBagItem(stored, secretNamed("newline"));
  assert.equal(plain.get("key"), "swordfish canary");
  assert.equal(plain.get("destination"), "tags:a");
  assert.deepEqual([...problems.keys()], ["extra"]);
});

test("no error repeats a value", async () => {
  for (const version of [0, 1, 2, 3] as const)
    for (const name of secrets.keys()) {
      const { problems } = await openDataBagItem(item(version), secretNamed(name));
      for (const error of problems.values())
        assert.doesNotMatch(inspect(error, { depth: 9 }), /swordfish|canary|correct horse/);
    }
});

test("an item in plain prints no value, whichever way it is turned into text", () => {
  const plain = PlainItem.parse('{"id":"svc","key":"canary"}');
  const out = `${plain} ${JSON.stringify({ plain })} ${inspect({ plain }, { depth: 9, showHidden: true })}`;
  assert.doesNotMatch(out, /canary/);
  assert.match(out, /data bag item "svc", 1 value/);
});

test("what is encrypted already is not encrypted once more", () => {
  const plain = new PlainItem(item());
  assert.throws(() => encryptDataBagItem(plain, secretNamed("newline")), code("conflict"));
});

test("an item without an id is not written", () => {
  for (const one of ['{"a":1}', '{"id":5,"a":1}', '{"id":"","a":1}'])
    assert.throws(() => encryptDataBagItem(PlainItem.parse(one), secretNamed("newline")), code("malformed"));
});

test("what a Chef server wraps around an item, or adds to it, is taken away", async () => {
  const stored = json(item());
  const answered = `${stored.slice(0, -1)},"chef_type":"data_bag_item","data_bag":"keymaster"}`;
  const wrapped = `{"name":"data_bag_item_keymaster_svc","json_class":"Chef::DataBagItem","chef_type":"data_bag_item","data_bag":"keymaster","raw_data":${stored}}`;
  for (const one of [stored, answered, wrapped]) {
    const plain = await decryptDataBagItem(one, secretNamed("newline"));
    assert.deepEqual([...plain.members().keys()], ["id", "destination", "key"]);
  }
});

test("a member called __proto__ is a member like others", async () => {
  const plain = PlainItem.parse('{"id":"x","__proto__":{"a":1},"constructor":2}');
  const again = await decryptDataBagItem(
    encryptDataBagItem(plain, secretNamed("newline")),
    secretNamed("newline"),
  );
  assert.equal(
    Buffer.from(again.toJson().reveal()).toString(),
    '{"id":"x","__proto__":{"a":1},"constructor":2}',
  );
  assert.equal((Object.prototype as Record<string, unknown>).a, undefined);
});

test("two encryptions of one item have no value in common", () => {
  const [one, two] = [item(), item()];
  for (const name of ["destination", "key"]) assert.notEqual(json(one.get(name)), json(two.get(name)));
});

test("what is encrypted already stays, and text that only looks so is encrypted", async () => {
  const secret = secretNamed("newline");
  const item = (members: readonly (readonly [string, ExactJson])[]): StoredItem =>
    new Map([["id", "x"], ...members]);
  const kept = item([["a", sealValue("v", secret, 3, systemRandom)]]);
  assert.equal(await encryptUnlessEncrypted(kept, secret), kept);
  const old = item([
    ["a", sealValue("v", secret, 0, systemRandom)],
    ["b", null],
  ]);
  assert.equal(await encryptUnlessEncrypted(old, secret), old);
  // What `openssl rand -base64 32` prints is two blocks in Ruby's base64.
  const key = "qTn2OrFnHOVt8pJ4BDyk9sVnDb3fHW1CmGvRQ3p2jzs=\n";
  for (const members of [
    [["key", key]],
    [["line", "line\n"]],
    [["key", key] as const, ["b", "text"] as const],
  ] as const) {
    const sealed = await encryptUnlessEncrypted(item(members), secret);
    assert.ok(isEncrypted(sealed));
    const opened = await decryptDataBagItem(sealed, secret);
    for (const [name, value] of members) assert.equal(opened.get(name), value);
  }
  const half = item([
    ["a", sealValue("v", secret, 3, systemRandom)],
    ["b", "plain"],
  ]);
  await assert.rejects(encryptUnlessEncrypted(half, secret), (error) => isKeywardError(error, "conflict"));
});

test("the form of each member is told: its version, or plain", () => {
  const forms = formsOf(
    new Map<string, ExactJson>([
      ["id", "x"],
      ["a", sealValue("v", secretNamed("newline"), 0, systemRandom)],
      ["b", sealValue("v", secretNamed("newline"), 1, systemRandom)],
      ["c", "plain text"],
      ["d", null],
      ["e", sealValue("v", secretNamed("newline"), 3, systemRandom)],
    ]),
  );
  assert.deepEqual(
    [...forms],
    [
      ["a", 0],
      ["b", 1],
      ["c", "plain"],
      ["d", "plain"],
      ["e", 3],
    ],
  );
});

test("YAML that goes too deep, names itself, or asks for another YAML is refused", () => {
  for (const one of [
    "[".repeat(100_000),
    `${"[".repeat(200)}${"]".repeat(200)}`,
    "%YAML 1.3\n---\na\n",
    "%TAG ! !x\n---\na\n",
    "[:a]",
    "{?: a}",
    "- {a: [:b]}\n",
    "a: &x [*x]",
    "--- &x\n- *x\n",
    "!ruby/object:Gem::Installer {}",
    "? [a]\n: b\n",
  ])
    assert.throws(() => readYaml(yaml, one, "x"), KeywardError, one.slice(0, 30));
});

test("a YAML says its version, and a symbol stands outside of brackets, as Psych has it", () => {
  for (const [text, value] of [
    ["%YAML 1.1\n--- yes\n", "true"],
    ["%YAML 1.2 \r\n--- yes\n", "true"],
    ["a: {b: c}\nd: :e\n", '{"a":{"b":"c"},"d":"e"}'],
    ['{a: ":x", b: x:y}', '{"a":":x","b":"x:y"}'],
  ] as const)
    assert.equal(json(readYaml(yaml, text, "x")), value, text);
});

test("KeyMaster's items that Chef's own code encrypted open, and in every version say the same", async () => {
  const file = load("keymaster-items");
  using secret = secretOfFile(Secret.fromText(text(file, "master_key")));
  const items = list(file, "items");
  assert.equal(items.length, 6);
  for (const one of items) {
    const opened = await decryptDataBagItem(json(one.get("item")), secret);
    assert.equal(Buffer.from(opened.toJson().reveal()).toString(), json(one.get("plain")));
  }
});
