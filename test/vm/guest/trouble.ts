/**
 * A node whose server, key, header and rights are not as they should be, boot after boot: `KW_PHASE` says which one. Its
 * volume is opened by `keyward unlock`, or by its agent, of a server outside.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import {
  DISK,
  disk,
  FILE,
  isMounted,
  isOpen,
  opensWith,
  prepareDisks,
  reader,
  slots,
  unlock,
  until,
  withAgent,
} from "./node-volume.ts";
import { ask } from "./outside.ts";
import { succeed } from "./programs.ts";
import { check, guest } from "./report.ts";

/** Exit statuses of `keyward`: no server, or none that answers in time; and a refusal. */
const [NO_ANSWER, DENIED] = [[5, 2], [4]];

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
      "the agent enrols, makes the volume and mounts it; its key is rotated while it is mounted",
      () =>
        withAgent(async (agent) => {
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

  async off() {
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
  await (phases[process.env.KW_PHASE ?? ""] ?? assert.fail)();
});
