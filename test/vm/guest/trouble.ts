/**
 * A node whose server, key, header and rights are not as they should be, boot after boot: `KW_PHASE` says which ones. Its
 * volume is opened by `keyward unlock`, or by its agent, of a server outside.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { setTimeout as wait } from "node:timers/promises";
import {
  DISK,
  disk,
  FILE,
  isMounted,
  isOpen,
  nameDisk,
  opensWith,
  prepareDisks,
  reader,
  STATE_DISK,
  slots,
  unlock,
  until,
  withAgent,
} from "./node-volume.ts";
import { ask } from "./outside.ts";
import { run, succeed } from "./programs.ts";
import { check, guest } from "./report.ts";

/** Another way to the same server. */
const SECOND = process.env.KW_SECOND;
/** Exit statuses of `keyward`: no server, or none that answers in time; a refusal; nothing there; another thing there. */
const [NO_ANSWER, DENIED, NOT_FOUND, CONFLICT] = [[5, 2], [4], 3, 6];

function opens(version: number, ...words: string[]): void {
  const { status, stderr } = unlock(...(words.length === 0 ? ["--timeout", "50s"] : words));
  assert.equal(status, 0, stderr);
  assert.match(stderr, new RegExp(`data: open with version ${version}`));
  assert.equal(readFileSync(FILE, "utf8"), "written\n");
}

function staysClosed(words: readonly string[], statuses: readonly number[], says: RegExp): void {
  const ended = unlock(...words);
  assert.match(ended.stderr, says);
  assert.ok(statuses.includes(ended.status ?? -1), `${ended.status}: ${ended.stderr}`);
  assert.equal(isOpen(), false);
}

function locks(): void {
  const { status, stderr } = disk("lock");
  assert.equal(status, 0, stderr);
  assert.equal(isOpen(), false);
}

const phases: Readonly<Record<string, () => Promise<void>>> = {
  async first() {
    await check(
      "the agent enrols, waits for a disk that comes late, makes the volume and mounts it; its key is rotated meanwhile",
      () =>
        withAgent(async (agent) => {
          nameDisk(null);
          await until("enrolled", () => agent.log().includes('"enrolled"'), agent);
          await wait(3000);
          assert.equal(isOpen(), false);
          nameDisk(DISK);
          await until("mounted", isMounted, agent);
          writeFileSync(FILE, "written\n", { flush: true });
          await until("version 1 opens it", () => opensWith() === 1, agent);
          await ask("next version");
          await until("version 2 opens it", () => opensWith() === 2, agent);
          assert.equal(slots(), 1);
          assert.equal(readFileSync(FILE, "utf8"), "written\n");
        }),
    );
  },

  async server() {
    await check(
      "with a clock that is years behind or ahead it stays closed, and says why; it opens once the clock is set",
      async () => {
        const begun = { at: Date.now(), after: performance.now() };
        for (const year of ["2001", "2051"]) {
          succeed("date", "-s", `${year}-01-01 00:00:00`);
          staysClosed(["--timeout", "3s"], NO_ANSWER, /data: not opened: .*check both clocks/);
        }
        const words = ["unlock", "data", "--no-prompt", "--timeout", "60s"];
        const child = spawn("keyward", words, { stdio: ["ignore", "ignore", "pipe"] });
        const ended = once(child, "exit");
        let said = "";
        child.stderr.on("data", (part) => {
          said += part;
        });
        await until("it waits for a key", () => said.includes("no key yet"));
        const now = begun.at + performance.now() - begun.after;
        succeed("date", "-s", `@${Math.round(now / 1000)}`);
        assert.deepEqual(await ended, [0, null], said);
        locks();
      },
    );
    await check("a server that is away: it stays closed, and unlock ends in its time", async () => {
      await ask("away");
      staysClosed(["--timeout", "4s"], NO_ANSWER, /data: not opened: /);
    });
    await check("a server that takes connections and never answers", async () => {
      await ask("silent");
      staysClosed(["--timeout", "4s"], NO_ANSWER, /data: not opened: /);
    });
    await check("a server that is cut off in its answers", async () => {
      await ask("broken");
      staysClosed(["--timeout", "4s"], NO_ANSWER, /data: not opened: /);
    });
    await check("somebody else in the server's place gives no key, and learns of none", async () => {
      await ask("another");
      staysClosed(["--timeout", "4s"], NO_ANSWER, /data: not opened: /);
    });
    await check("a server that comes late opens it, with the version of the last rotation", async () => {
      await ask("comes late");
      opens(2, "--timeout", "50s");
      locks();
    });
  },

  async copy() {
    await check(
      "where its grant allows it, the copy that is kept here opens it while no server answers",
      async () => {
        await ask("grant with a copy");
        await withAgent((agent) => until("open, and proved", () => /"volume open"/.test(agent.log()), agent));
        locks();
        await ask("away");
        const { status, stderr } = unlock("--timeout", "40s");
        assert.equal(status, 0, stderr);
        assert.match(stderr, /the copy of its key that is kept here is used/);
        await ask("there");
        locks();
      },
    );
  },

  async second() {
    await check(
      "without the first server the second one opens it; preflight says what each would give, and opens nothing",
      async () => {
        const knows = () => readFileSync("/var/lib/keyward-agent/server.json", "utf8").includes(`:${SECOND}`);
        await withAgent(
          (agent) => until("the second server is known", knows, agent),
          ...["--no-disks", "--other-server", `https://keys.test:${SECOND}`],
        );
        await ask("away");
        const before = await ask("openings");
        const looked = disk("preflight", "-o", "json");
        assert.equal(looked.status, 0, looked.stdout);
        const ways = JSON.parse(looked.stdout).checks.filter(({ check }: { check: string }) =>
          /^server /.test(check),
        );
        assert.deepEqual(
          ways.map(({ state }: { state: string }) => state),
          ["warning", "ok"],
        );
        assert.equal(await ask("openings"), before);
        opens(2);
        locks();
        await ask("there");
      },
    );
  },

  async off() {
    await check("another disk under its name is left as it is, and said", () => {
      try {
        nameDisk(STATE_DISK);
        staysClosed([], [CONFLICT], /is not blank: it holds ext4/);
        const { status, stderr } = disk("restore");
        assert.equal(status, CONFLICT, stderr);
        assert.match(stderr, /holds ext4, which a header would destroy/);
        nameDisk(null);
        staysClosed([], [NOT_FOUND], /cannot be read \(ENOENT\)/);
      } finally {
        nameDisk(DISK);
      }
    });
    await check(
      "rotated while the machine was off, it opens with the version before, and is rotated then",
      () => {
        const { status, stderr } = unlock();
        assert.equal(status, 0, stderr);
        assert.match(stderr, /open with version 2[\s\S]*has a later version/);
        const rotated = disk("rotate");
        assert.equal(rotated.status, 0, rotated.stderr);
        assert.equal(slots(), 1);
        locks();
        opens(3);
        locks();
      },
    );
    await check("with its header gone it says so, is not made anew, and comes back from the copy", () => {
      succeed("dd", "if=/dev/zero", `of=${DISK}`, "bs=1M", "count=1", "conv=notrunc");
      const { status, stderr } = unlock();
      assert.notEqual(status, 0);
      assert.match(stderr, /header that is damaged|no version of|not blank|header is lost/);
      const restored = disk("restore");
      assert.equal(restored.status, 0, restored.stderr);
      opens(3);
    });
  },

  async person() {
    await check("at a terminal, when no server answers, a person is asked for a recovery key", async () => {
      const [key, phrase] = [Buffer.from(await ask("key"), "base64"), "correct horse battery staple"];
      const sizes = [`--keyfile-size=${key.length}`, `--new-keyfile-size=${phrase.length}`];
      const how = ["--batch-mode", "--pbkdf=pbkdf2", "--pbkdf-force-iterations=1000", "--key-file=-"];
      const added = run(
        ["cryptsetup", "luksAddKey", ...how, ...sizes, DISK, "-"],
        Buffer.concat([key, Buffer.from(phrase)]),
      );
      assert.equal(added.status, 0, added.stderr);
      await ask("away");
      const typed = spawn("script", ["-qec", "keyward unlock data --timeout 2s", "/dev/null"]);
      const ended = once(typed, "exit");
      let said = "";
      typed.stdout.on("data", (part) => {
        const before = said;
        said += part;
        const asked = (text: string): number => text.split("recovery key of data").length;
        // First a wrong one.
        if (asked(said) > asked(before)) typed.stdin.write(asked(said) === 2 ? "wrong\n" : `${phrase}\n`);
      });
      assert.deepEqual(await ended, [0, null], said);
      assert.match(said, /this key does not open it[\s\S]*open with its recovery key/);
      assert.equal(said.includes(phrase), false);
      assert.equal(readFileSync(FILE, "utf8"), "written\n");
      locks();
      await ask("there");
      const removed = run(
        ["cryptsetup", "luksRemoveKey", "--batch-mode", "--key-file=-", DISK],
        Buffer.from(phrase),
      );
      assert.equal(removed.status, 0, removed.stderr);
    });
  },

  async damage() {
    await check("a file system that is damaged: open, not mounted, said; mended, it is mounted", () => {
      opens(3);
      succeed("umount", "/srv/data");
      const device = "/dev/mapper/data";
      succeed("dd", `if=${device}`, "of=/run/saved", "bs=64k", "count=1");
      succeed("dd", "if=/dev/zero", `of=${device}`, "bs=64k", "count=1", "conv=notrunc");
      const { status, stderr } = unlock();
      assert.notEqual(status, 0);
      assert.match(stderr, /data: .*(?:mount|file system)/);
      assert.equal(isMounted(), false);
      succeed("dd", "if=/run/saved", `of=${device}`, "bs=64k", "count=1", "conv=notrunc");
      opens(3);
      locks();
    });
  },

  async lost() {
    await ask("freeze");
    await check("a frozen node's volume stays closed", () => staysClosed([], DENIED, /frozen/));
    await ask("thaw");
    await check("it opens when the node is thawed", () => {
      opens(3);
      locks();
    });
    await check(
      "a node that is revoked while its volume is in use: who uses it is ended, and it is closed",
      () =>
        withAgent(async (agent) => {
          await until("mounted", isMounted, agent);
          const child = await reader();
          const ended = once(child, "exit");
          await ask("revoke");
          await until("closed", () => !isOpen(), agent);
          assert.deepEqual(await ended, [null, "SIGTERM"]);
        }),
    );
  },

  async revoked() {
    await check("after a reboot a revoked node's volume stays closed", () => {
      staysClosed([], DENIED, /revoked/);
    });
  },
};

void guest(async () => {
  prepareDisks();
  await ask("there");
  for (const phase of (process.env.KW_PHASE ?? "").split(",")) await (phases[phase] ?? assert.fail)();
});
