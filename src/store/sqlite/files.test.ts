import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { isKeywardError } from "../../base/errors.ts";
import type { Store } from "../store.ts";
import { openSqlite } from "./sqlite.ts";

const root = mkdtempSync(join(tmpdir(), "keyward-files-"));
after(() => rmSync(root, { recursive: true }));

function modesIn(directory: string): Record<string, string> {
  const names = readdirSync(directory).sort();
  return Object.fromEntries(
    names.map((name) => [name, (statSync(join(directory, name)).mode & 0o777).toString(8)]),
  );
}

async function writeOne(store: Store): Promise<void> {
  await store.commit({ compare: [], write: [{ kind: "put", key: "a", value: new Uint8Array(9) }] });
}

test("the directory and all that lies in it are for one user only", async () => {
  const directory = join(root, "deep", "store");
  const store = await openSqlite({ directory });
  await writeOne(store);
  assert.equal(statSync(directory).mode & 0o777, 0o700);
  assert.deepEqual(modesIn(directory), {
    "store.db": "600",
    "store.db-wal": "600",
    "store.lock": "600",
    "store.mark": "600",
    "store.pid": "600",
  });
  await store.close();
  assert.deepEqual(Object.keys(modesIn(directory)), ["store.db", "store.lock", "store.mark"]);
});

test("files that a restored backup left open to others are closed to them", async () => {
  const directory = join(root, "restored");
  await openSqlite({ directory }).then((store) => store.close());
  for (const name of readdirSync(directory)) chmodSync(join(directory, name), 0o644);
  const store = await openSqlite({ directory });
  await writeOne(store);
  assert.deepEqual([...new Set(Object.values(modesIn(directory)))], ["600"]);
  await store.close();
});

test("a directory that others may write to is refused", async () => {
  const directory = join(root, "shared");
  await openSqlite({ directory }).then((store) => store.close());
  chmodSync(directory, 0o770);
  await assert.rejects(openSqlite({ directory }), (error) => isKeywardError(error, "local"));
});
