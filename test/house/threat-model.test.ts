import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

const root = join(import.meta.dirname, "../..");

test("every claim of the threat model names a test that exists", () => {
  const page = readFileSync(join(root, "docs/threat-model.md"), "utf8");
  const named = [...page.matchAll(/\| `((?:src|test)\/[^`]+)`: (.+?) \|$/gm)];
  assert.ok(named.length > 20, `only ${named.length} claims found`);
  const missing = named.filter(([, file = "", name = ""]) => {
    const path = join(root, file);
    return !existsSync(path) || !readFileSync(path, "utf8").includes(name);
  });
  assert.deepEqual(
    missing.map(([, file, name]) => `${file}: ${name}`),
    [],
  );
});
