/**
 * What efivarfs does, row by row, as `src/adapters/uefi/` relies on it. The same assertions run against the fake in
 * `npm test` and against the kernel's own efivarfs in a virtual machine, which keeps the fake honest. Needs nothing
 * but Node. Three boots: `rules`, then `afterBoot`, which ends with a full store, then `afterFullStore`.
 */
import assert from "node:assert/strict";
import { constants } from "node:fs";
import type { Efivars } from "../../src/adapters/uefi/efivars.ts";

const { O_CREAT, O_EXCL, O_RDONLY, O_TRUNC, O_WRONLY } = constants;
const NEW = O_WRONLY | O_CREAT | O_EXCL;
const GUID = "a4dce1ac-52d2-4309-8440-a596359deb2c";

/** What only this file asks of it. */
export interface Probe extends Efivars {
  sync(handle: number): void;
  rename(from: string, to: string): void;
  makeDirectory(name: string): void;
  /** As stat(2) gives it. */
  size(name: string): number;
}

/** One promise: run it, report it, go on. */
export type Check = (name: string, work: () => void | Promise<void>) => Promise<void>;

/** Reports as the Test Anything Protocol has it. @returns What ends it: the plan, and how many failed. */
export function tap(say: (line: string) => void): { readonly check: Check; end(): number } {
  let [count, failed] = [0, 0];
  return {
    async check(name, work) {
      count++;
      try {
        await work();
        say(`ok ${count} - ${name}`);
      } catch (error) {
        failed++;
        say(`not ok ${count} - ${name}: ${String((error as Error).message).replaceAll("\n", " ")}`);
      }
    },
    end() {
      say(`1..${count}`);
      return failed;
    },
  };
}

export async function rules(efivars: Probe, check: Check): Promise<void> {
  const { create, replace, payload, made, outcome } = tools(efivars);

  await check("a variable that was never written is absent", () => {
    assert.equal(
      outcome(() => payload(named("Never"))),
      "ENOENT",
    );
    assert.equal(
      outcome(() => efivars.mode(named("Never"))),
      "ENOENT",
    );
  });

  await check("a name wants its GUID, and has 218 characters at most", () => {
    for (const name of [
      "nothing",
      "name-not-a-guid",
      `name-${GUID.slice(0, -1)}`,
      `name-${GUID.replace("a", "g")}`,
    ])
      assert.equal(
        outcome(() => create(name, content("x"))),
        "EINVAL",
        name,
      );
    assert.equal(
      outcome(() => create(named("n".repeat(218)), content("x"))),
      "done",
    );
    assert.equal(
      outcome(() => create(named("n".repeat(219)), content("x"))),
      "ENAMETOOLONG",
    );
  });

  await check("what is written is read, attributes first", async () => {
    const name = await made("Plain", "value");
    assert.deepEqual(wholeOf(efivars, name), content("value"));
    assert.ok(efivars.list().includes(name));
  });

  await check("of the attributes only 0x07 is of use", () => {
    const refused = {
      0: "EIO",
      1: "EINVAL",
      2: "EINVAL",
      3: "EINVAL",
      6: "EINVAL",
      15: "EINVAL",
      39: "EACCES",
      135: "EINVAL",
    };
    for (const [attributes, code] of Object.entries(refused))
      assert.equal(
        outcome(() => create(named(`A${attributes}`), content("x", Number(attributes)))),
        code,
        attributes,
      );
  });

  await check("a second write replaces the first", () => {
    create(named("Twice"), content("first"), content("second"));
    assert.equal(payload(named("Twice")), "second");
  });

  await check("attributes in a write of their own are refused, and leave an empty file", () => {
    assert.equal(
      outcome(() => create(named("Apart"), content(""), Buffer.from("data"))),
      "EIO",
    );
    assert.equal(wholeOf(efivars, named("Apart")).length, 0);
  });

  await check("four bytes delete a variable", async () => {
    const name = await made("Four", "value");
    replace(name, content(""));
    assert.equal(
      outcome(() => efivars.mode(name)),
      "ENOENT",
    );
  });

  await check("a new variable is immutable at once, to root as well", () => {
    const name = named("Immutable");
    create(name, content("value"));
    assert.equal(
      outcome(() => replace(name, content("other"))),
      "EPERM",
    );
    assert.equal(
      outcome(() => efivars.unlink(name)),
      "EPERM",
    );
    assert.equal(
      outcome(() => efivars.chmod(name, 0o600)),
      "EPERM",
    );
    assert.equal(payload(name), "value");
  });

  await check(
    "with the flag off it can be changed and removed, and a write leaves the flag off",
    async () => {
      const name = await made("Mutable", "value");
      replace(name, content("other"));
      replace(name, content("more"));
      assert.equal(payload(name), "more");
      efivars.unlink(name);
      assert.equal(
        outcome(() => payload(name)),
        "ENOENT",
      );
    },
  );

  await check("the flag can be put back", async () => {
    const name = await made("Back", "value");
    await efivars.setImmutable(name, true);
    assert.equal(
      outcome(() => replace(name, content("other"))),
      "EPERM",
    );
  });

  await check("within the boot it has the mode it was made with", async () => {
    const name = await made("Mode", "value");
    assert.equal(efivars.mode(name), 0o600);
    efivars.chmod(name, 0o640);
    assert.equal(efivars.mode(name), 0o640);
  });

  await check("what exists is not created again", async () => {
    const name = await made("Exists", "value");
    assert.equal(
      outcome(() => create(name, content("other"))),
      "EEXIST",
    );
    assert.equal(payload(name), "value");
  });

  await check("fsync is refused, nothing is renamed, no folder is made", async () => {
    const name = await made("Sync", "value");
    const handle = efivars.open(name, O_WRONLY);
    assert.equal(
      outcome(() => efivars.sync(handle)),
      "EINVAL",
    );
    efivars.close(handle);
    assert.equal(
      outcome(() => efivars.rename(name, named("Renamed"))),
      "EPERM",
    );
    assert.equal(
      outcome(() => efivars.makeDirectory("folder")),
      "EPERM",
    );
  });

  await check("the size that stat gives is not to be trusted", async () => {
    const name = await made("Size", "value");
    efivars.close(efivars.open(name, O_WRONLY | O_TRUNC));
    assert.equal(efivars.size(name), 0);
    assert.equal(payload(name), "value");
  });

  await check("three bytes at a time read the same", async () => {
    const name = await made("Short", "a longer value");
    assert.deepEqual(wholeOf(efivars, name, 3), content("a longer value"));
  });

  await check("a refused write leaves the value", async () => {
    const name = await made("Refused", "value");
    assert.equal(
      outcome(() => replace(name, content("other", 0x0f))),
      "EINVAL",
    );
    assert.equal(payload(name), "value");
  });

  await check("a payload of 32 KiB is taken, one of 64 KiB is not", () => {
    assert.equal(
      outcome(() => create(named("Large"), content(Buffer.alloc(32 * 1024)))),
      "done",
    );
    assert.notEqual(
      outcome(() => create(named("Huge"), content(Buffer.alloc(64 * 1024)))),
      "done",
    );
  });

  await check(
    "a file that was opened and never written is a ghost: empty, immutable, removed with the flag off",
    async () => {
      for (const name of ["Ghost", "Exorcised"].map(named)) {
        efivars.close(efivars.open(name, NEW, 0o600));
        assert.equal(wholeOf(efivars, name).length, 0);
        assert.equal(
          outcome(() => efivars.unlink(name)),
          "EPERM",
        );
      }
      await efivars.setImmutable(named("Exorcised"), false);
      efivars.unlink(named("Exorcised"));
      assert.equal(
        outcome(() => efivars.mode(named("Exorcised"))),
        "ENOENT",
      );
    },
  );

  await check("there is room, and it is told", () => {
    const { total, available } = efivars.space();
    assert.ok(total > 100_000 && available > 16_384 && available < total, `${available} of ${total}`);
  });
}

export async function afterBoot(efivars: Probe, check: Check): Promise<void> {
  const { create, replace, payload, outcome } = tools(efivars);

  await check(
    "after a boot what was written is there, everybody may read it, and it is immutable again",
    async () => {
      for (const name of ["Mode", "Back"].map(named)) {
        assert.equal(payload(name), "value");
        assert.equal(efivars.mode(name), 0o644);
        assert.equal(
          outcome(() => replace(name, content("other"))),
          "EPERM",
        );
        assert.equal(
          outcome(() => efivars.chmod(name, 0o600)),
          "EPERM",
        );
      }
      await efivars.setImmutable(named("Mode"), false);
      efivars.chmod(named("Mode"), 0o600);
      assert.equal(efivars.mode(named("Mode")), 0o600);
    },
  );

  await check("after a boot the ghosts are gone", () => {
    for (const name of ["Ghost", "Apart"].map(named))
      assert.equal(
        outcome(() => efivars.mode(name)),
        "ENOENT",
      );
  });

  const full = named("Full");
  const filler = (round: number): Buffer => content(Buffer.alloc(8192, round));
  await check("overwriting one variable fills the store, and its last good value stays", async () => {
    create(full, filler(0));
    await efivars.setImmutable(full, false);
    let rounds = 0;
    let code = "done";
    while (code === "done" && rounds < 1000) code = outcome(() => replace(full, filler(++rounds)));
    assert.equal(code, "ENOSPC");
    assert.deepEqual(wholeOf(efivars, full), filler(rounds - 1));
    assert.ok(efivars.space().available < 16_384);
  });

  await check("a deletion gives no space back: what was deleted to be written anew is lost", () => {
    const before = efivars.space().available;
    efivars.unlink(full);
    assert.ok(efivars.space().available <= before);
    assert.equal(
      outcome(() => create(full, filler(1))),
      "ENOSPC",
    );
    assert.equal(wholeOf(efivars, full).length, 0);
  });
}

export async function afterFullStore(efivars: Probe, check: Check): Promise<void> {
  const { create, payload, outcome } = tools(efivars);
  await check("after a boot the space is there again, and so is what was not deleted", () => {
    assert.ok(efivars.space().available > 100_000);
    assert.equal(payload(named("Mode")), "value");
    assert.equal(
      outcome(() => create(named("Full"), content(Buffer.alloc(8192)))),
      "done",
    );
  });
}

const named = (name: string): string => `Conform${name}-${GUID}`.replace(/^Conform(n+-)/, "$1");

/** Attributes, little endian, then the payload: what one write carries. */
function content(payload: Uint8Array | string, attributes = 0x07): Buffer {
  const head = Buffer.alloc(4);
  head.writeUInt32LE(attributes);
  return Buffer.concat([head, Buffer.from(payload as string)]);
}

function wholeOf(efivars: Efivars, name: string, step = 4096): Buffer {
  const handle = efivars.open(name, O_RDONLY);
  try {
    const parts: Buffer[] = [];
    for (;;) {
      const part = Buffer.alloc(step);
      const count = efivars.read(handle, part);
      if (count === 0) return Buffer.concat(parts);
      parts.push(part.subarray(0, count));
    }
  } finally {
    efivars.close(handle);
  }
}

function tools(efivars: Efivars) {
  const write = (name: string, flags: number, parts: readonly Uint8Array[]): void => {
    const handle = efivars.open(name, flags, 0o600);
    try {
      for (const part of parts)
        if (efivars.write(handle, part) !== part.length) throw new Error(`a short write to ${name}`);
    } finally {
      efivars.close(handle);
    }
  };
  const create = (name: string, ...parts: Uint8Array[]): void => write(name, NEW, parts);
  return {
    create,
    replace: (name: string, ...parts: Uint8Array[]): void => write(name, O_WRONLY, parts),
    payload: (name: string): string => wholeOf(efivars, name).subarray(4).toString(),
    /** A variable, ready to be changed. */
    async made(name: string, value: string): Promise<string> {
      create(named(name), content(value));
      await efivars.setImmutable(named(name), false);
      return named(name);
    },
    /** `done`, or the code with which the system refused. */
    outcome(work: () => unknown): string {
      try {
        work();
        return "done";
      } catch (error) {
        return (error as NodeJS.ErrnoException).code ?? String(error);
      }
    },
  };
}
