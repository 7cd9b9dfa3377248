import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { formatExactJsonLines } from "../../src/base/exact-json-text.ts";
import { Secret } from "../../src/base/secret.ts";
import {
  dataBagSecret,
  decryptDataBagItem,
  encryptDataBagItem,
  PlainItem,
} from "../../src/formats/databag/databag.ts";

const launcher = path.join(import.meta.dirname, "../../bin/keyward");
const folder = mkdtempSync(path.join(tmpdir(), "keyward-reseal-"));
after(() => rmSync(folder, { recursive: true }));

const [old, next] = ["the old secret of the whole repository", "q0Zt2c3kqX9a8mNfB1yLwV7uJrE5sDhT"];
const secretOf = (text: string) => dataBagSecret(Secret.fromText(text));
const bag = path.join(folder, "data_bags/keys");
const COUNT = 1500;

test("a reseal that is killed leaves every item whole, and the next one finishes it", async () => {
  mkdirSync(bag, { recursive: true });
  writeFileSync(path.join(folder, "old"), `${old}\n`, { mode: 0o600 });
  writeFileSync(path.join(folder, "new"), `${next}\n`, { mode: 0o600 });
  const [oldSecret, nextSecret] = [secretOf(old), secretOf(next)];
  for (let i = 0; i < COUNT; i++) {
    const plain = PlainItem.parse(`{"id":"item-${i}","value":"value ${i}"}`);
    const item = encryptDataBagItem(plain, oldSecret, { version: (i % 4) as 0 });
    writeFileSync(path.join(bag, `item-${i}.json`), formatExactJsonLines(item), { mode: 0o640 });
  }
  const words = ["data-bag", "reseal", "--all", "--secret-file", "old", "--new-secret-file", "new"];
  const before = readFileSync(path.join(bag, "item-0.json"), "utf8");
  const child = spawn(launcher, words, { cwd: folder, stdio: "ignore" });
  const ended = new Promise((resolve) => child.once("exit", resolve));
  while (readFileSync(path.join(bag, "item-0.json"), "utf8") === before && child.exitCode === null)
    await new Promise((resolve) => setTimeout(resolve, 2));
  child.kill("SIGKILL");
  await ended;
  const under = await countUnder();
  assert.equal(under.old + under.next, COUNT, "an item opens under neither");
  assert.ok(under.next > 0);

  const again = spawnSync(launcher, [...words, "-o", "json"], { cwd: folder, encoding: "utf8" });
  assert.equal(again.status, 0, again.stderr);
  const { resealed, already, items, failed } = JSON.parse(again.stdout);
  assert.equal(resealed + already, COUNT);
  assert.equal(items, COUNT);
  assert.deepEqual(failed, []);
  assert.equal((await countUnder()).next, COUNT);
  assert.equal(statSync(path.join(bag, "item-7.json")).mode & 0o777, 0o640);

  async function countUnder(): Promise<{ old: number; next: number }> {
    const count = { old: 0, next: 0 };
    for (const name of readdirSync(bag).filter((one) => !one.startsWith("."))) {
      const text = readFileSync(path.join(bag, name), "utf8");
      for (const [key, secret] of [
        ["next", nextSecret],
        ["old", oldSecret],
      ] as const) {
        const plain = await decryptDataBagItem(text, secret).catch(() => null);
        if (plain?.get("value") !== `value ${/\d+/.exec(name)?.[0]}`) continue;
        count[key]++;
        break;
      }
    }
    return count;
  }
});
