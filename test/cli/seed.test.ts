/** `keyward seed`, typed: an imported gokey seed gives what the real gokey printed; what is typed twice; what is shown. */
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { Secret } from "../../src/base/secret.ts";
import { openEnvelope, unsealSeed } from "../../src/seed/seed.ts";
import { type } from "./world.ts";

interface Case {
  readonly id: string;
  readonly password: string;
  readonly realm: string;
  readonly seed_base64: string | null;
  readonly skip: number;
  readonly length: number | null;
  readonly stdout_encoding: BufferEncoding;
  readonly stdout: Readonly<Record<"0.1" | "0.2", string>>;
}

const vectors = path.join(import.meta.dirname, "../vectors/gokey");
const cwd = mkdtempSync(path.join(tmpdir(), "keyward-import-"));
after(() => rmSync(cwd, { recursive: true }));
const key = "q0Zt2c3kqX9a8mNfB1yLwV7uJrE5sDhT4gPiOx6KjHc=";
writeFileSync(path.join(cwd, "key"), key, { mode: 0o600 });

for (const derivation of ["0.1", "0.2"] as const)
  test(`a seed imported with derivation ${derivation} gives what gokey printed`, async () => {
    const { cases } = JSON.parse(readFileSync(path.join(vectors, "raw.json"), "utf8")) as { cases: Case[] };
    const seeded = cases.filter((one) => one.seed_base64 !== null);
    assert.ok(seeded.length > 5);
    for (const { id, password, realm, seed_base64, skip, length, ...printed } of seeded) {
      writeFileSync(path.join(cwd, "gokey.seed"), Buffer.from(seed_base64 ?? "", "base64"));
      const out = `${id}-${derivation}`;
      const words = [
        "gokey.seed",
        out,
        "--derivation",
        derivation,
        "--skip",
        String(skip),
        "--key-file",
        "key",
      ];
      const { status, stdout } = await type(["seed", "import", ...words], { cwd, typed: [password] });
      assert.equal(status, 0, id);
      assert.equal(/CVE-2025-13353/.test(stdout), derivation === "0.1");
      const envelope = readFileSync(path.join(cwd, out));
      using machine = await openEnvelope(envelope, { keyFile: async () => Secret.fromText(key) });
      const what = { scheme: `gokey-${derivation}`, realm, purpose: "" } as const;
      using result = await machine.seed.derive({ ...what, kind: { kind: "raw", length: length ?? 32 } }, 1);
      assert.equal(
        Buffer.from(result.reveal()).toString(printed.stdout_encoding),
        printed.stdout[derivation],
        id,
      );
    }
  });

test("a wrong gokey password and a file that is too short import nothing", async () => {
  writeFileSync(path.join(cwd, "gokey.seed"), new Uint8Array(256));
  const wrong = await type(["seed", "import", "gokey.seed", "wrong", "--key-file", "key"], {
    cwd,
    typed: ["x"],
  });
  assert.equal(wrong.status, 7);
  writeFileSync(path.join(cwd, "short.seed"), new Uint8Array(27));
  const short = await type(["seed", "import", "short.seed", "wrong", "--key-file", "key"], {
    cwd,
    typed: ["x"],
  });
  assert.match(short.stderr, /27 bytes; the shortest has 28/);
  assert.ok(!existsSync(path.join(cwd, "wrong")));
});

test("a passphrase is typed twice, and a slip makes no seed", async () => {
  const slip = await type(["seed", "new", "slip"], {
    cwd,
    typed: ["correct horse battery", "correct horse batterz"],
  });
  assert.match(slip.stderr, /differ/);
  assert.ok(!existsSync(path.join(cwd, "slip")));
  const typed = ["correct horse battery", "correct horse battery"];
  assert.equal((await type(["seed", "new", "typed"], { cwd, typed })).status, 0);
});

test("a rotation asks for the passphrase once, and what it seals opens with it", async () => {
  const passphrase = "correct horse battery";
  await type(["seed", "new", "turning"], { cwd, typed: [passphrase, passphrase] });
  const words = ["seed", "rotate", "turning", "--no-ledger"];
  const rotated = await type(words, { cwd, typed: [passphrase] });
  assert.match(rotated.stdout, /^generation +2$/m);
  const wrong = await type(words, { cwd, typed: ["another"] });
  assert.match(wrong.stderr, /the passphrase is another one/);
  const next = await type(words, { cwd, typed: [passphrase] });
  assert.match(next.stdout, /^generation +3$/m);
});

test("no answer of a command holds the seed", async () => {
  const made = await type(["seed", "new", "hidden", "--key-file", "key", "-o", "json"], { cwd });
  const shown = await type(["seed", "show", "hidden", "-o", "json"], { cwd });
  const split = [
    "seed",
    "split",
    "hidden",
    "--key-file",
    "key",
    "--shares",
    "2",
    "--threshold",
    "2",
    "--out",
    "s",
  ];
  const shares = await type([...split, "-o", "json"], { cwd, terminal: true });
  const { seed } = await unsealSeed(readFileSync(path.join(cwd, "hidden")), {
    keyFile: async () => Secret.fromText(key),
  });
  for (const { stdout, stderr, status } of [made, shown, shares]) {
    assert.equal(status, 0);
    for (const form of ["hex", "base64", "latin1"] as const)
      assert.ok(!`${stdout}${stderr}`.includes(Buffer.from(seed.reveal()).toString(form)));
    assert.doesNotMatch(stdout, /KEYWARD SEED SHARE/);
  }
});
