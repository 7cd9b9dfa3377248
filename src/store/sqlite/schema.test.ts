import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { isKeywardError } from "../../base/errors.ts";
import { assertSchema, connect, connectReadOnly, createSchema, isEmpty } from "./schema.ts";

const root = mkdtempSync(join(tmpdir(), "keyward-schema-"));
after(() => rmSync(root, { recursive: true }));

test("a connection syncs each commit, keeps the file to itself, and wipes what it deletes", () => {
  const database = connect(join(root, "settings.db"));
  const settings = {
    journal_mode: "wal",
    // FULL: the log is synced at each commit, not only at checkpoints.
    synchronous: 2,
    locking_mode: "exclusive",
    secure_delete: 1,
    trusted_schema: 0,
    cell_size_check: 1,
    // MEMORY: no temporary file ever holds a record.
    temp_store: 2,
  };
  for (const [name, value] of Object.entries(settings)) {
    const row = database.prepare(`PRAGMA ${name}`).get() ?? {};
    assert.deepEqual(Object.values(row), [value], name);
  }
  database.close();
});

test("a reader sees the tables and cannot write", () => {
  const path = join(root, "reader.db");
  const writer = connect(path);
  assert.ok(isEmpty(writer));
  createSchema(writer);
  assert.ok(!isEmpty(writer));
  writer.close();
  const reader = connectReadOnly(path);
  assertSchema(reader, path);
  assert.throws(() => reader.exec("DELETE FROM state"), /readonly/);
  reader.close();
});

test("a schema of a newer program is refused, and so is one that is not as it was made", () => {
  const path = join(root, "other.db");
  const database = connect(path);
  createSchema(database);
  database.exec("CREATE INDEX more ON records (created)");
  assert.throws(
    () => assertSchema(database, path),
    (error) => isKeywardError(error, "integrity"),
  );
  database.exec("DROP INDEX more; PRAGMA user_version = 2");
  assert.throws(
    () => assertSchema(database, path),
    (error) => isKeywardError(error, "local"),
  );
  database.close();
});
