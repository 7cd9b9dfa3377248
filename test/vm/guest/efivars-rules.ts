/** What real efivarfs does, on a store that never held a variable of ours. Ends with the seed of the next boot. */
import assert from "node:assert/strict";
import * as fs from "node:fs";
import {
  ATTRIBUTES,
  content,
  create,
  EFIVARS,
  isImmutable,
  mode,
  mutable,
  outcome,
  payload,
  replace,
  variable,
  write,
} from "./efivars-file.ts";
import { check, guest, mark } from "./report.ts";

const { O_CREAT, O_EXCL, O_TRUNC, O_WRONLY } = fs.constants;

/** A variable of its own, ready to be changed. */
function made(name: string, value: string): string {
  const path = variable(name);
  create(path, content(value));
  mutable(path);
  return path;
}

function ghost(name: string): string {
  const path = variable(name);
  fs.closeSync(fs.openSync(path, O_WRONLY | O_CREAT | O_EXCL, 0o600));
  return path;
}

void guest(async () => {
  await check("a variable that was never written is absent", () => {
    assert.equal(
      outcome(() => fs.readFileSync(variable("never"))),
      "ENOENT",
    );
  });

  await check("a name wants its GUID and has 218 characters at most", () => {
    const named = (name: string): string => outcome(() => create(`${EFIVARS}/${name}`, content("x")));
    assert.equal(named("nothing"), "EINVAL");
    assert.equal(named("name-not-a-guid"), "EINVAL");
    assert.equal(named(`name-7b9f4f6e-3c1d-4a58-9d62-0f5a4e2c8b1`), "EINVAL");
    assert.equal(
      outcome(() => create(variable("n".repeat(218)), content("x"))),
      "done",
    );
    assert.equal(
      outcome(() => create(variable("n".repeat(219)), content("x"))),
      "ENAMETOOLONG",
    );
  });

  await check("of the attributes only 0x07 is of use", () => {
    const refused = { 0: "EIO", 1: "EINVAL", 2: "EINVAL", 3: "EINVAL", 6: "EINVAL", 15: "EINVAL" };
    for (const [attributes, code] of Object.entries({ ...refused, 135: "EINVAL", 39: "EACCES" }))
      assert.equal(
        outcome(() => create(variable(`attributes${attributes}`), content("x", Number(attributes)))),
        code,
        `attributes ${attributes}`,
      );
    assert.equal(
      outcome(() => create(variable("attributes7"), content("x", ATTRIBUTES))),
      "done",
    );
  });

  await check("a second write replaces the first", () => {
    const path = variable("twice");
    create(path, content("first"), content("second"));
    assert.equal(payload(path), "second");
  });

  await check("attributes in a write of their own are refused and leave a ghost", () => {
    const path = variable("apart");
    assert.equal(
      outcome(() => create(path, content(""), Buffer.from("data"))),
      "EIO",
    );
    assert.equal(fs.readFileSync(path).length, 0);
    assert.equal(isImmutable(path), true);
  });

  await check("four bytes delete a variable that exists", () => {
    const path = made("four", "value");
    replace(path, content(""));
    assert.equal(fs.existsSync(path), false);
  });

  await check("a new variable is immutable at once, to root as well", () => {
    const path = variable("immutable");
    create(path, content("value"));
    assert.equal(isImmutable(path), true);
    assert.equal(
      outcome(() => replace(path, content("other"))),
      "EPERM",
    );
    assert.equal(
      outcome(() => fs.unlinkSync(path)),
      "EPERM",
    );
    assert.equal(
      outcome(() => fs.chmodSync(path, 0o600)),
      "EPERM",
    );
    assert.equal(
      outcome(() => fs.renameSync(path, variable("renamed"))),
      "EPERM",
    );
    assert.equal(payload(path), "value");
  });

  await check("chattr makes it mutable, and a write leaves it so", () => {
    const path = made("mutable", "value");
    replace(path, content("other"));
    assert.equal(payload(path), "other");
    assert.equal(isImmutable(path), false);
    fs.unlinkSync(path);
    assert.equal(fs.existsSync(path), false);
  });

  await check("within the boot it has the mode it was made with, and that can be changed", () => {
    const path = made("mode", "value");
    assert.equal(mode(path), "600");
    fs.chmodSync(path, 0o640);
    assert.equal(mode(path), "640");
  });

  await check("who may read is the mode's matter alone", () => {
    const hidden = made("hidden", "value");
    const open = made("open", "value");
    fs.chmodSync(open, 0o644);
    process.seteuid?.(65534);
    try {
      assert.equal(
        outcome(() => fs.readFileSync(hidden)),
        "EACCES",
      );
      assert.equal(payload(open), "value");
    } finally {
      process.seteuid?.(0);
    }
  });

  await check("fsync is refused", () => {
    const fd = fs.openSync(made("sync", "value"), O_WRONLY);
    assert.equal(
      outcome(() => fs.fsyncSync(fd)),
      "EINVAL",
    );
    fs.closeSync(fd);
  });

  await check("the size that stat gives is not to be trusted", () => {
    const path = made("size", "value");
    fs.closeSync(fs.openSync(path, O_WRONLY | O_TRUNC));
    assert.equal(fs.statSync(path).size, 0);
    const fd = fs.openSync(path, "r");
    const bytes = Buffer.alloc(64);
    const length = fs.readSync(fd, bytes);
    fs.closeSync(fd);
    assert.equal(bytes.subarray(4, length).toString(), "value");
  });

  await check("three bytes at a time read the same", () => {
    const fd = fs.openSync(made("short", "a longer value"), "r");
    const parts: Buffer[] = [];
    for (let length = 1; length > 0; ) {
      const part = Buffer.alloc(3);
      length = fs.readSync(fd, part);
      parts.push(part.subarray(0, length));
    }
    fs.closeSync(fd);
    assert.equal(Buffer.concat(parts).subarray(4).toString(), "a longer value");
  });

  await check("a refused write leaves the value", () => {
    const path = made("refused", "value");
    assert.equal(
      outcome(() => replace(path, content("other", 0x0f))),
      "EINVAL",
    );
    assert.equal(payload(path), "value");
  });

  await check("a payload of 32 KiB is taken, one of 64 KiB is not", () => {
    assert.equal(
      outcome(() => create(variable("large"), content(Buffer.alloc(32 * 1024)))),
      "done",
    );
    const refused = outcome(() => create(variable("huge"), content(Buffer.alloc(64 * 1024))));
    assert.notEqual(refused, "done");
  });

  await check("statfs tells the room there is, less a reserve", () => {
    const { blocks, bfree, bavail, bsize } = fs.statfsSync(EFIVARS);
    assert.equal(bsize, 1);
    assert.ok(blocks > 200_000 && blocks < 300_000, `${blocks}`);
    assert.equal(bfree - bavail, 5120);
  });

  await check("nothing is renamed, no folder is made", () => {
    const path = made("rename", "value");
    assert.equal(
      outcome(() => fs.renameSync(path, variable("renamed"))),
      "EPERM",
    );
    assert.equal(
      outcome(() => fs.mkdirSync(`${EFIVARS}/folder`)),
      "EPERM",
    );
  });

  await check("a file opened and never written is a ghost: empty and immutable", () => {
    const path = ghost("ghost");
    assert.equal(fs.readFileSync(path).length, 0);
    assert.equal(
      outcome(() => fs.unlinkSync(path)),
      "EPERM",
    );
    const other = ghost("exorcised");
    mutable(other);
    fs.unlinkSync(other);
    assert.equal(fs.existsSync(other), false);
  });

  write(variable("kept"), [content("survives a power cut")], O_WRONLY | O_CREAT | O_EXCL, 0o600);
  await mark("written");
});
