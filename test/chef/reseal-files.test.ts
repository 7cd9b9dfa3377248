/** Thousands of files resealed, and the program killed in the middle of it. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { chmodSync, mkdirSync, readdirSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { after, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { formatExactJsonLines } from "../../src/base/exact-json-text.ts";
import { Secret } from "../../src/base/secret.ts";
import { encryptDataBagItem, PlainItem, secretOfFile } from "../../src/formats/databag/databag.ts";
import { createDesk } from "./typed.ts";

const desk = createDesk();
after(() => desk.remove());
const ITEMS = 3000;
const old = "an old secret of forty characters or so";

test("a run killed in the middle leaves whole items, and the next one ends the work and clears up", async () => {
  const bag = path.join(desk.folder, "data_bags/many");
  mkdirSync(bag, { recursive: true });
  using content = Secret.fromText(old);
  const secret = secretOfFile(content);
  const item = (i: number): string =>
    formatExactJsonLines(encryptDataBagItem(PlainItem.parse(`{"id":"i${i}","v":"value ${i}"}`), secret));
  for (let i = 0; i < ITEMS; i++) writeFileSync(path.join(bag, `i${i}.json`), item(i));
  chmodSync(path.join(bag, "i0.json"), 0o640);
  writeFileSync(path.join(bag, "vault.json"), item(0));
  writeFileSync(path.join(bag, "vault_keys.json"), '{"id":"vault_keys"}');
  desk.write("old", `${old}\n`);
  desk.write("new", "q0Zt2c3kqX9a8mNfB1yLwV7uJrE5sDhT4gPiOx6KjHc=\n");
  const first = readdirSync(bag).sort()[0] ?? "";
  const before = desk.read(`data_bags/many/${first}`);

  const words = ["data-bag", "reseal", "--all", "--secret-file", "old", "--new-secret-file", "new"];
  const child = desk.start(words);
  const ended = once(child, "exit");
  while (desk.read(`data_bags/many/${first}`) === before && child.exitCode === null) await sleep(1);
  child.kill("SIGKILL");
  await ended;

  const report = await desk.ok(...words);
  const already = Number(/under the new secret already +(\d+)/.exec(report)?.[1]);
  assert.ok(already > 0, report);
  assert.match(report, new RegExp(`^resealed +${ITEMS - already}, `, "m"));
  assert.match(report, /of vaults, left alone +1/);
  assert.match(report, /under the old secret still +0, all read again/);
  assert.deepEqual(
    readdirSync(bag).filter((name) => name.startsWith(".")),
    [],
  );
  assert.equal(statSync(path.join(bag, "i0.json")).mode & 0o777, 0o640);
  assert.match(await desk.ok("data-bag", "show", "many", "i7", "--secret-file", "new"), /value 7/);
});
