import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { isKeywardError } from "../base/errors.ts";
import { readKeyFile } from "../seal/file.ts";
import { files } from "./data-directory.ts";
import { initialise } from "./initialise.ts";
import { openHouse, quietLog } from "./serve.ts";
import { systemWorld } from "./system-world.ts";

const temporary = (): string => path.join(mkdtempSync(path.join(tmpdir(), "keyward-init-")), "store");
const wanted = { kind: "file", keyFile: undefined, dryRun: false } as const;

test("a new store has a key file, a CA and a token, all for their owner", async () => {
  const data = temporary();
  const made = await initialise({ ...wanted, data }, systemWorld());
  assert.match(made.caFingerprint ?? "", /^[0-9a-f]{64}$/);
  for (const name of [files.sealKey, files.token, files.tls])
    assert.equal(statSync(path.join(data, name)).mode & 0o777, 0o600, name);
  assert.match(readFileSync(path.join(data, files.ca), "utf8"), /BEGIN CERTIFICATE/);
  await assert.rejects(initialise({ ...wanted, data }, systemWorld()), (error) =>
    isKeywardError(error, "conflict"),
  );
});

test("a dry run makes nothing", async () => {
  const data = temporary();
  await initialise({ ...wanted, data, dryRun: true }, systemWorld());
  assert.equal(existsSync(data), false);
});

test("one that was broken off after the root key is gone on with", async () => {
  const data = temporary();
  const elsewhere = temporary();
  await initialise({ ...wanted, data: elsewhere }, systemWorld());
  const keyFile = path.join(elsewhere, files.sealKey);
  const parts = await openHouse(data, quietLog);
  using content = await readKeyFile(keyFile);
  await parts.rootKey.initialise([{ kind: "file", content }]);
  await parts.close();
  const made = await initialise({ ...wanted, data, keyFile }, systemWorld());
  assert.match(made.caFingerprint ?? "", /^[0-9a-f]{64}$/);
  assert.ok(existsSync(path.join(data, files.token)));
});

test("a store with a CA and without its token is left as it is", async () => {
  const data = temporary();
  await initialise({ ...wanted, data }, systemWorld());
  rmSync(path.join(data, files.token));
  await assert.rejects(initialise({ ...wanted, data }, systemWorld()), (error) =>
    isKeywardError(error, "conflict"),
  );
  assert.equal(existsSync(path.join(data, files.token)), false);
});
