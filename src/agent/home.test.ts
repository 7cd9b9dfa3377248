import assert from "node:assert/strict";
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { prepareDirectory } from "./home.ts";

const root = realpathSync(mkdtempSync(join(tmpdir(), "keyward-home-")));
after(() => rmSync(root, { recursive: true }));

test("a missing directory is made with mode 0700, and what is missing above it can be passed through", () => {
  const path = join(root, "a/b/keys");
  assert.equal(prepareDirectory(path), path);
  assert.equal(statSync(path).mode & 0o7777, 0o700);
  assert.equal(statSync(join(root, "a/b")).mode & 0o055, 0o055 & ~process.umask());
});

test("links that the administrator put on the way are followed once, at the start", () => {
  mkdirSync(join(root, "real"));
  symlinkSync(join(root, "real"), join(root, "link"));
  assert.equal(prepareDirectory(join(root, "link/keys")), join(root, "real/keys"));
});

test("a directory that others may write in, a file, and another user's directory are refused", () => {
  const path = join(root, "open");
  mkdirSync(path);
  chmodSync(path, 0o770);
  assert.throws(() => prepareDirectory(path), { code: "local", message: /others may write in it/ });
  writeFileSync(join(root, "file"), "");
  assert.throws(() => prepareDirectory(join(root, "file")), { code: "local", message: /is not a directory/ });
  if (process.getuid?.() === 0) {
    chmodSync(path, 0o700);
    chownSync(path, 12_345, 0);
    assert.throws(() => prepareDirectory(path), { code: "local", message: /belongs to user 12345/ });
  } else assert.throws(() => prepareDirectory("/proc"), { code: "local" });
});
