import assert from "node:assert/strict";
import { test } from "node:test";
import { openSqlite } from "../../src/store/sqlite/sqlite.ts";
import { assertRefused, contentsOf, startHolder, temporaryDirectory } from "./store-cases.ts";

test("a second process on the same directory is told which directory and which process", async (t) => {
  const directory = temporaryDirectory(t);
  const holder = await startHolder(directory);
  await assertRefused(
    openSqlite({ directory }),
    "busy",
    new RegExp(`^${directory}: process ${holder.pid} has`),
  );
  await holder.kill();
});

test("a process that was killed does not keep the next one out, and its commits are there", async (t) => {
  const directory = temporaryDirectory(t);
  for (let round = 0; round < 3; round++) {
    const holder = await startHolder(directory);
    await holder.kill();
    assert.match(await contentsOf(directory), /^held\/10 .*\nheld\/11 /);
  }
});

test("opening twice in one process is refused, and the first keeps its hold on the directory", async (t) => {
  const directory = temporaryDirectory(t);
  const store = await openSqlite({ directory });
  await assertRefused(openSqlite({ directory }), "busy", new RegExp(`process ${process.pid} has`));
  // The kernel drops a process's locks on a file when *any* descriptor of it is closed: look from outside.
  await assert.rejects(contentsFromOutside(directory), /busy/);
  await store.commit({ compare: [], write: [{ kind: "put", key: "a", value: new Uint8Array(1) }] });
  await store.close();
  assert.match(await contentsOf(directory), /^a /);
});

/** @throws With what the other process said. */
async function contentsFromOutside(directory: string): Promise<void> {
  const { spawnSync } = await import("node:child_process");
  const program = `
    import { openSqlite } from ${JSON.stringify(import.meta.resolve("../../src/store/sqlite/sqlite.ts"))};
    await openSqlite({ directory: ${JSON.stringify(directory)} }).catch((error) => { console.error(error.code); process.exit(1); });`;
  const { status, stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", program], {
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(stderr);
}
