import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import {
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { Worker } from "node:worker_threads";
import { isKeywardError, type KeywardError } from "../base/errors.ts";
import { Secret } from "../base/secret.ts";
import { createInstaller } from "./install.ts";
import { createTemporaries } from "./place.ts";

const root = realpathSync(mkdtempSync(join(tmpdir(), "keyward-install-")));
after(() => rmSync(root, { recursive: true, force: true }));
const isRoot = process.getuid?.() === 0;

const temporaries = createTemporaries("0badcafe", randomBytes);
const self = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0, mode: 0o400 };
const secret = (text: string): Secret => Secret.fromText(text);

let count = 0;
function fresh(): { keys: string; installer: ReturnType<typeof createInstaller> } {
  const keys = join(root, `keys-${count++}`);
  mkdirSync(keys);
  return { keys, installer: createInstaller(keys, temporaries) };
}

/** The error that `work` throws. */
function refusal(work: () => unknown): KeywardError {
  try {
    work();
  } catch (error) {
    if (isKeywardError(error)) return error;
    throw error;
  }
  throw new assert.AssertionError({ message: "nothing was thrown" });
}

test("a file arrives with its content and mode, and nothing else stays in the directory", () => {
  const { keys, installer } = fresh();
  const placed = installer.install(join(keys, "db.key"), secret("one"), { ...self, mode: 0o440 });
  assert.deepEqual([placed.written, placed.changed], [true, true]);
  assert.equal(readFileSync(join(keys, "db.key"), "utf8"), "one");
  assert.equal(statSync(join(keys, "db.key")).mode & 0o7777, 0o440);
  assert.deepEqual(readdirSync(keys), ["db.key"]);
});

test("a value of no bytes and one of 1 MiB arrive whole", () => {
  const { keys, installer } = fresh();
  const large = randomBytes(1_048_576);
  installer.install(join(keys, "none"), Secret.copy(new Uint8Array(0)), self);
  installer.install(join(keys, "large"), Secret.copy(large), self);
  assert.equal(statSync(join(keys, "none")).size, 0);
  assert.ok(readFileSync(join(keys, "large")).equals(large));
});

test("the same content, owner and mode are not written again", () => {
  const { keys, installer } = fresh();
  const path = join(keys, "db.key");
  const first = installer.install(path, secret("one"), self);
  const again = installer.install(path, secret("one"), self);
  assert.deepEqual([again.written, again.changed, again.stamp], [false, false, first.stamp]);
});

test("another mode is written, and is no change of content", () => {
  const { keys, installer } = fresh();
  const path = join(keys, "db.key");
  installer.install(path, secret("one"), self);
  const again = installer.install(path, secret("one"), { ...self, mode: 0o444 });
  assert.deepEqual([again.written, again.changed, again.mode], [true, false, 0o444]);
});

test("another owner is written; where that is not permitted, the error says so and the file stays", () => {
  const { keys, installer } = fresh();
  const path = join(keys, "db.key");
  installer.install(path, secret("one"), self);
  const other = { uid: 12_345, gid: 12_346, mode: 0o400 };
  if (isRoot) {
    installer.install(path, secret("two"), other);
    assert.deepEqual(
      [statSync(path).uid, statSync(path).gid, statSync(path).mode & 0o777],
      [12_345, 12_346, 0o400],
    );
  } else {
    assert.match(refusal(() => installer.install(path, secret("two"), other)).message, /not permitted/);
    assert.equal(readFileSync(path, "utf8"), "one");
  }
  assert.deepEqual(readdirSync(keys), ["db.key"]);
});

test("who reads while the file is replaced finds the old one whole or the new one whole", () => {
  const { keys, installer } = fresh();
  const path = join(keys, "db.key");
  installer.install(path, secret("a".repeat(5000)), { ...self, mode: 0o600 });
  const open = statSync(path).ino;
  installer.install(path, secret("b".repeat(5000)), { ...self, mode: 0o600 });
  assert.notEqual(statSync(path).ino, open);
});

test("missing directories are made below the key directory, with mode 0700", () => {
  const { keys, installer } = fresh();
  installer.install(join(keys, "a/b/db.key"), secret("one"), self);
  assert.equal(statSync(join(keys, "a")).mode & 0o7777, 0o700);
  assert.equal(statSync(join(keys, "a/b")).mode & 0o7777, 0o700);
});

test("missing directories elsewhere are not made", () => {
  const { keys, installer } = fresh();
  const error = refusal(() => installer.install(join(`${keys}-other`, "db.key"), secret("one"), self));
  assert.match(error.message, /keys-[0-9]+-other: does not exist/);
  assert.match(error.hint ?? "", /only what lies below the key directory is made/);
  assert.equal(existsSync(`${keys}-other`), false);
});

test("a symbolic link anywhere on the way is refused, and its target is not touched", () => {
  const { keys, installer } = fresh();
  mkdirSync(join(keys, "real/below"), { recursive: true });
  symlinkSync(join(keys, "real"), join(keys, "link"));
  for (const path of ["link/db.key", "link/below/db.key", "link/new/db.key"]) {
    const error = refusal(() => installer.install(join(keys, path), secret("one"), self));
    assert.match(error.message, /\/link: is a symbolic link/);
  }
  assert.deepEqual(readdirSync(join(keys, "real"), { recursive: true }), ["below"]);
});

test("a symbolic link, a directory or a FIFO at the path is refused and stays", () => {
  const { keys, installer } = fresh();
  writeFileSync(join(keys, "victim"), "precious");
  symlinkSync(join(keys, "victim"), join(keys, "link"));
  symlinkSync(join(keys, "nowhere"), join(keys, "dangling"));
  mkdirSync(join(keys, "directory"));
  execFileSync("mkfifo", [join(keys, "fifo")]);
  for (const [name, kind] of [
    ["link", /is a symbolic link/],
    ["dangling", /is a symbolic link/],
    ["directory", /is a directory/],
    ["fifo", /is a FIFO/],
  ] as const) {
    const path = join(keys, name);
    assert.match(refusal(() => installer.install(path, secret("one"), self)).message, kind);
    assert.match(refusal(() => installer.remove(path, () => true)).message, kind);
    assert.match(refusal(() => installer.read(path)).message, kind);
    assert.ok(lstatSync(path) !== undefined);
  }
  assert.equal(readFileSync(join(keys, "victim"), "utf8"), "precious");
  assert.equal(existsSync(join(keys, "nowhere")), false);
});

test("a device is refused", () => {
  const { installer } = fresh();
  assert.match(refusal(() => installer.install("/dev/null", secret("one"), self)).message, /is a device/);
});

test("a path with dot segments does not get as far as the disk", () => {
  const { keys, installer } = fresh();
  for (const path of [`${keys}/../db.key`, "relative/db.key", `${keys}//db.key`, `${keys}/./db.key`]) {
    assert.equal(refusal(() => installer.install(path, secret("one"), self)).code, "internal");
  }
});

test("a directory that is swapped for a link while we install never redirects a file", async () => {
  const { keys } = fresh();
  const outside = join(root, "outside");
  mkdirSync(outside);
  mkdirSync(join(keys, "app"));
  const swapper = new Worker(
    `const { renameSync, symlinkSync, unlinkSync } = require("node:fs");
     const { app, aside, outside } = require("node:worker_threads").workerData;
     for (;;) {
       renameSync(app, aside);
       symlinkSync(outside, app);
       unlinkSync(app);
       renameSync(aside, app);
     }`,
    { eval: true, workerData: { app: join(keys, "app"), aside: join(root, "aside"), outside } },
  );
  await new Promise((resolve) => swapper.once("online", resolve));
  let [done, refused] = [0, 0];
  const until = Date.now() + 1500;
  while (Date.now() < until) {
    try {
      // The swapper may take the directory away in the middle; then no directory may be made in its place.
      createInstaller(join(keys, "none"), temporaries).install(
        join(keys, "app/db.key"),
        secret(`${done}`),
        self,
      );
      done++;
    } catch (error) {
      assert.ok(isKeywardError(error, "local"), String(error));
      refused++;
    }
    if (done % 64 === 0) await new Promise(setImmediate);
  }
  await swapper.terminate();
  assert.ok(done > 0 && refused > 0, `${done} installed, ${refused} refused`);
  assert.deepEqual(readdirSync(outside), []);
});

test("a file that is swapped for a link while we remove never empties the link's target", async () => {
  const { keys, installer } = fresh();
  const [path, victim] = [join(keys, "db.key"), join(root, "victim")];
  writeFileSync(victim, "precious");
  const swapper = new Worker(
    `const { rmSync, symlinkSync, writeFileSync } = require("node:fs");
     const { path, victim } = require("node:worker_threads").workerData;
     for (;;) {
       try {
         writeFileSync(path, "x");
         rmSync(path, { force: true });
         symlinkSync(victim, path);
         rmSync(path, { force: true });
       } catch {}
     }`,
    { eval: true, workerData: { path, victim } },
  );
  await new Promise((resolve) => swapper.once("online", resolve));
  for (let i = 0; i < 4000; i++) {
    try {
      installer.remove(path, () => true);
    } catch (error) {
      assert.ok(isKeywardError(error, "local"), String(error));
    }
  }
  await swapper.terminate();
  assert.equal(readFileSync(victim, "utf8"), "precious");
});

test("a disk that is full leaves the old file as it was, and no temporary file", () => {
  withSmallDisk((directory, limited) => {
    const error = limited(
      `installer.install("${directory}/db.key", Secret.fromText("x".repeat(200000)), self)`,
    );
    assert.match(error, /local .*\/db.key: (no space left|larger than files may be here)/);
    assert.equal(readFileSync(join(directory, "db.key"), "utf8"), "old");
    assert.deepEqual(readdirSync(directory), ["db.key"]);
  });
});

test("a limit on the size of files leaves the old file as it was, and no temporary file", () => {
  const { keys } = fresh();
  writeFileSync(join(keys, "db.key"), "old");
  const error = inChild(
    keys,
    `installer.install("${keys}/db.key", Secret.fromText("x".repeat(200000)), self)`,
    "ulimit -f 64; ",
  );
  assert.match(error, /local .*\/db.key: larger than files may be here/);
  assert.equal(readFileSync(join(keys, "db.key"), "utf8"), "old");
  assert.deepEqual(readdirSync(keys), ["db.key"]);
});

test("a directory that may not be written to is a clear error", () => {
  const { keys, installer } = fresh();
  const path = join(keys, "db.key");
  installer.install(path, secret("old"), self);
  withReadOnly(keys, () => {
    const error = refusal(() => installer.install(path, secret("new"), self));
    assert.equal(error.code, "local");
    assert.match(error.message, /the file system is read-only|permission denied/);
    assert.equal(refusal(() => installer.remove(path, () => true)).code, "local");
    assert.equal(readFileSync(path, "utf8"), "old");
  });
});

test("what a killed agent left half-written is removed, and only that", () => {
  const { keys, installer } = fresh();
  const others = createTemporaries("feedface", randomBytes);
  const [ours, theirs] = [temporaries.next(), others.next()];
  writeFileSync(join(keys, ours), "half");
  writeFileSync(join(keys, theirs), "half");
  writeFileSync(join(keys, ".keyward-0badcafe-x"), "not a name that we make");
  assert.equal(installer.clean([keys, join(keys, "none")]), 1);
  assert.deepEqual(readdirSync(keys).sort(), [".keyward-0badcafe-x", theirs].sort());
});

test("a temporary name that someone linked to a file of his is unlinked and not emptied", () => {
  const { keys, installer } = fresh();
  const victim = join(root, "linked");
  writeFileSync(victim, "precious");
  linkSync(victim, join(keys, temporaries.next()));
  symlinkSync(victim, join(keys, temporaries.next()));
  assert.equal(installer.clean([keys]), 2);
  assert.equal(readFileSync(victim, "utf8"), "precious");
});

test("removing overwrites the content with zeros under every name of the file", () => {
  const { keys, installer } = fresh();
  const path = join(keys, "db.key");
  installer.install(path, secret("precious"), self);
  linkSync(path, join(keys, "copy"));
  assert.equal(
    installer.remove(path, () => true),
    "removed",
  );
  assert.equal(existsSync(path), false);
  assert.equal(statSync(join(keys, "copy")).size, 0);
});

test("removing leaves a file that is not ours", () => {
  const { keys, installer } = fresh();
  writeFileSync(join(keys, "db.key"), "someone else's");
  assert.equal(
    installer.remove(join(keys, "db.key"), () => false),
    "foreign",
  );
  assert.equal(readFileSync(join(keys, "db.key"), "utf8"), "someone else's");
});

test("removing what is not there is no error", () => {
  const { keys, installer } = fresh();
  assert.equal(
    installer.remove(join(keys, "db.key"), () => true),
    "absent",
  );
  assert.equal(
    installer.remove(join(keys, "none/db.key"), () => true),
    "absent",
  );
});

test("a change of content, mode or name changes the stamp", () => {
  const { keys, installer } = fresh();
  const path = join(keys, "db.key");
  const stamps = new Set([installer.install(path, secret("one"), { ...self, mode: 0o600 }).stamp]);
  writeFileSync(path, "two");
  stamps.add(installer.look(path)?.stamp ?? "");
  chmodSync(path, 0o640);
  stamps.add(installer.look(path)?.stamp ?? "");
  assert.equal(stamps.size, 3);
});

test("more than a key may have is not read", () => {
  const { keys, installer } = fresh();
  writeFileSync(join(keys, "huge"), new Uint8Array(1_048_577));
  assert.equal(installer.read(join(keys, "huge")), null);
  assert.equal(installer.read(join(keys, "none")), null);
});

/** A disk of 64 KiB where we may mount one, else a limit on the size of files. */
function withSmallDisk(use: (directory: string, limited: (work: string) => string) => void): void {
  const { keys } = fresh();
  const mounted = spawnSync("mount", ["-t", "tmpfs", "-o", "size=64k,mode=0700", "tmpfs", keys]).status === 0;
  try {
    writeFileSync(join(keys, "db.key"), "old");
    use(keys, (work) => inChild(keys, work, mounted ? "" : "ulimit -f 64; "));
  } finally {
    if (mounted) execFileSync("umount", [keys]);
  }
}

/** A read-only mount where we may make one, else permission bits (which do not stop root). */
function withReadOnly(directory: string, use: () => void): void {
  const mounted =
    spawnSync("mount", ["--bind", directory, directory]).status === 0 &&
    spawnSync("mount", ["-o", "remount,ro,bind", directory]).status === 0;
  if (!mounted) chmodSync(directory, 0o500);
  try {
    use();
  } finally {
    if (mounted) execFileSync("umount", [directory]);
    else chmodSync(directory, 0o700);
  }
}

/** Do this in another process. @returns Code and message of the error. */
function inChild(keys: string, work: string, before: string): string {
  const at = (name: string): string => JSON.stringify(join(import.meta.dirname, name));
  const script = `
    import { createInstaller } from ${at("install.ts")};
    import { createTemporaries } from ${at("place.ts")};
    import { Secret } from ${at("../base/secret.ts")};
    import { randomBytes } from "node:crypto";
    const installer = createInstaller(${JSON.stringify(keys)}, createTemporaries("0badcafe", randomBytes));
    const self = { uid: process.getuid(), gid: process.getgid(), mode: 0o400 };
    try { ${work}; console.log("done"); } catch (error) { console.log(error.code, error.message); }`;
  const { stdout, stderr } = spawnSync(
    "sh",
    ["-c", `${before}exec "$0" --input-type=module -e "$1"`, process.execPath, script],
    { encoding: "utf8" },
  );
  return stdout.trim() || stderr;
}
