/** What the store's fault tests share. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { type ErrorCode, isKeywardError, type KeywardError } from "../../src/base/errors.ts";
import { openSqlite } from "../../src/store/sqlite/sqlite.ts";
import type { Store } from "../../src/store/store.ts";

/** Removed when the test ends. */
export function temporaryDirectory(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), "keyward-faults-"));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** All records as text: the same before and after, or something was lost. */
export async function contents(store: Store): Promise<string> {
  const records = await store.range({ prefix: "" });
  return records
    .map(
      ({ key, value, created, modified }) =>
        `${key} ${Buffer.from(value).toString("hex")} ${created} ${modified}`,
    )
    .join("\n");
}

/** Open, read everything, close. */
export async function contentsOf(directory: string): Promise<string> {
  const store = await openSqlite({ directory });
  try {
    return await contents(store);
  } finally {
    await store.close();
  }
}

/** A digest of what a store keeps in a directory; its lock and note of the process are no data. */
export function digest(directory: string): string {
  const hash = createHash("sha256");
  for (const name of readdirSync(directory).sort()) {
    if (name === "store.lock" || name === "store.pid") continue;
    hash.update(name).update(readFileSync(join(directory, name)));
  }
  return hash.digest("hex");
}

/** Refused with this code, and with a hint that says what to do next. */
export async function assertRefused(
  attempt: Promise<unknown>,
  code: ErrorCode,
  message: RegExp,
): Promise<void> {
  await assert.rejects(attempt, (error) => {
    assert.ok(isKeywardError(error, code), String(error));
    assert.match(error.message, message);
    assert.ok(error.hint !== undefined && error.hint !== "", "a hint");
    return true;
  });
}

export interface Holder {
  readonly pid: number;
  kill(): Promise<void>;
}

/** Another process that has the store open, with some commits that are only in the log. */
export async function startHolder(directory: string): Promise<Holder> {
  const program = join(import.meta.dirname, "store-holder.ts");
  const child = spawn(process.execPath, [program, directory], { stdio: ["ignore", "pipe", "inherit"] });
  await once(child.stdout, "data");
  return {
    pid: child.pid ?? 0,
    async kill() {
      const ended = once(child, "exit");
      child.kill("SIGKILL");
      await ended;
    },
  };
}

/** The files of a store that nobody has open, by name. */
export type Snapshot = ReadonlyMap<string, Buffer>;

export function takeSnapshot(directory: string): Snapshot {
  return new Map(readdirSync(directory).map((name) => [name, readFileSync(join(directory, name))]));
}

/** Make the directory hold the snapshot and nothing else. */
export function putBack(directory: string, snapshot: Snapshot): void {
  for (const name of readdirSync(directory)) if (!snapshot.has(name)) rmSync(join(directory, name));
  for (const [name, bytes] of snapshot) writeFileSync(join(directory, name), bytes);
}

/**
 * Open a changed store and read all of it. What it then gives is `whole`, or it refuses, with no file touched.
 *
 * @returns The refusal, or `null`.
 */
export async function openChanged(
  directory: string,
  changed: Snapshot,
  whole: string,
): Promise<KeywardError | null> {
  putBack(directory, changed);
  const before = digest(directory);
  try {
    assert.equal(await contentsOf(directory), whole, "what was read is not what was written");
    return null;
  } catch (error) {
    if (!isKeywardError(error)) throw error;
    assert.equal(digest(directory), before, "refused, but the files were touched");
    return error;
  }
}

/** With the bits of `mask` flipped in one byte of one file. */
export function flipped(snapshot: Snapshot, name: string, offset: number, mask: number): Snapshot {
  const bytes = Buffer.from(snapshot.get(name) ?? []);
  bytes.writeUInt8(bytes.readUInt8(offset) ^ mask, offset);
  return new Map([...snapshot, [name, bytes]]);
}
