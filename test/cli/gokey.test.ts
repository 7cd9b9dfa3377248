/** gokey by its own name, as a whole process: linked to the launcher, and to the executable. */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { utf8 } from "../../src/base/bytes.ts";
import { Secret } from "../../src/base/secret.ts";
import { derive, fromPassword, makeSeed } from "../../src/derive/gokey/gokey.ts";

const root = path.join(import.meta.dirname, "../..");
const folder = mkdtempSync(path.join(tmpdir(), "keyward-gokey-"));
after(() => rmSync(folder, { recursive: true }));

const builds = [{ name: "bundles", program: path.join(root, "bin/gokey") }];
const executable = path.join(root, "dist/exe/keyward");
if (existsSync(executable)) {
  symlinkSync(executable, path.join(folder, "gokey"));
  builds.push({ name: "executable", program: path.join(folder, "gokey") });
}

writeFileSync(path.join(folder, "seed"), makeSeed(Secret.fromText("pw"), new Uint8Array(240).fill(3)));
const seeded = ["-p", "pw", "-r", "a", "-s", "seed"];

async function expected(password: Uint8Array | string, realm: Uint8Array | string): Promise<string> {
  const secret = Secret.copy(typeof password === "string" ? utf8(password) : password);
  const derived = await derive(fromPassword(secret), { realm, kind: "pass" });
  return Buffer.from(derived.reveal()).toString();
}

for (const { name, program } of builds) {
  const run = (args: readonly string[], env: Record<string, string> = {}) => {
    const own = { PATH: process.env.PATH ?? "", HOME: folder, ...env };
    return spawnSync(program, args, {
      cwd: folder,
      env: own,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
    });
  };

  /**
   * At a terminal of its own.
   *
   * @param typed - Each once the next question is there; the first one at once when there is none.
   */
  const typing = async (words: string, ...typed: string[]): Promise<{ status: number; shown: string }> => {
    const child = spawn("script", ["-qec", `${program} ${words}`, "/dev/null"], {
      cwd: folder,
      env: { PATH: process.env.PATH ?? "", HOME: folder, SHELL: "/bin/sh" },
      timeout: 30_000,
    });
    let [shown, answered] = ["", 0];
    child.stdout.on("data", (chunk: Buffer) => {
      shown += chunk.toString();
      const asked = shown.match(/Master password(?: again)?: /g)?.length ?? 0;
      while (answered < Math.min(asked, typed.length)) child.stdin.write(typed[answered++] ?? "");
    });
    const [status] = (await once(child, "close")) as [number];
    return { status, shown: shown.replaceAll("\r\n", "\n") };
  };

  test(`${name}: by the name gokey it is gokey`, async () => {
    const { status, stdout, stderr } = run(["-p", "super-secret-master-password", "-r", "a"]);
    assert.equal(status, 0);
    assert.equal(stdout, '?3Khj5"zGO');
    assert.equal(stderr, "\n");
  });

  test(`${name}: bytes that are not UTF-8 count as they are, in both flags and in the environment`, async () => {
    const bytes = Uint8Array.of(0xff, 0x61);
    const shell = (script: string): string => {
      const { stdout, stderr, status } = spawnSync("sh", ["-c", script, program], { encoding: "utf8" });
      assert.equal(status, 0, stderr);
      return stdout;
    };
    assert.equal(shell(`"$0" -p pw -r "$(printf '\\377a')"`), await expected("pw", bytes));
    assert.equal(shell(`"$0" -p "$(printf '\\377a')" -r a`), await expected(bytes, "a"));
    assert.equal(shell(`GOKEY_ROOT_PASS="$(printf '\\377a')" "$0" -r a`), await expected(bytes, "a"));
    assert.equal(shell(`"$0" -p "$(printf '\\357\\277\\275')" -r a`), await expected("\ufffd", "a"));
  });

  test(`${name}: asks at the terminal, takes what was typed ahead, and ends`, async () => {
    for (const typed of [["pw\n", "pw\n"], ["pw\npw\n"]]) {
      const { status, shown } = await typing("-r a", ...typed);
      assert.equal(status, 0);
      assert.match(shown, /^Master password: \nMaster password again: \n/);
      assert.ok(shown.trimEnd().endsWith(await expected("pw", "a")));
    }
    const slips = await typing("-r a", "\n", "pw\n", "px\n", "pw\n", "pw\n");
    assert.match(
      slips.shown,
      /^(Master password: \n){2}Master password again: \nPasswords do not match\. Try again\.\nMaster password: \nMaster password again: \n/,
    );
  });

  test(`${name}: Ctrl-D does not end the question, Ctrl-C does`, async () => {
    const { shown } = await typing("-r a", "\u0004p\u0004w\n", "pw\n");
    assert.ok(shown.trimEnd().endsWith(await expected("pw", "a")));
    const broken = await typing("-r a", "\u0003");
    assert.equal(broken.status, 130);
    assert.equal(broken.shown, "Master password: \n");
  });

  test(`${name}: standard input that is no terminal is not asked`, () => {
    const { status, stderr } = run(["-r", "a"]);
    assert.equal(status, 1);
    assert.match(stderr, /^Master password: \d{4}\/\d\d\/\d\d [\d:]{8} inappropriate ioctl for device\n$/);
  });

  test(`${name}: a person hears of the two derivations of a seed, a program does not`, async () => {
    const words = seeded.join(" ");
    assert.match((await typing(words)).shown, /since 0\.2\.0.*"seed" was in use before.*-derivation 0\.1/);
    assert.match((await typing(`${words} -derivation 0.1`)).shown, /CVE-2025-13353/);
    assert.doesNotMatch((await typing(`${words} -derivation 0.2`)).shown, /gokey:/);
    for (const more of [[], ["-derivation=0.1"], ["-derivation=0.2"]]) {
      assert.equal(run([...seeded, ...more]).stderr, "\n");
      assert.equal(run([...seeded, "-t", "ed25519", ...more]).stderr, "");
    }
  });
}
