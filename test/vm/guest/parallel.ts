/**
 * Two volumes of one machine with systemd, and a server that is away when it boots. `KW_PHASE`: the first boot makes the
 * volumes, at the next one systemd opens them.
 */
import assert from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { isActive, journal, property, until } from "./debian.ts";
import { ask } from "./outside.ts";
import { run, succeed } from "./programs.ts";
import { check, guest } from "./report.ts";

const NAMES = ["data", "more"];
const mounted = (name: string): boolean => isActive(`srv-${name}.mount`);

/** Sooner than it would, so that the server is later. */
const sooner = (line: string): string =>
  line.replaceAll("x-systemd.device-timeout=90s", "x-systemd.device-timeout=5s");

const phases: Readonly<Record<string, () => Promise<void>>> = {
  async first() {
    await check("both volumes are made and mounted", () =>
      until("mounted", () => NAMES.every((name) => run(["mountpoint", "-q", `/srv/${name}`]).status === 0)),
    );
    for (const name of NAMES) {
      writeFileSync(`/srv/${name}/file`, name, { flush: true });
      succeed("keyward", "disk", "units", name, "--write");
    }
    writeFileSync("/etc/fstab", sooner(readFileSync("/etc/fstab", "utf8")));
    succeed("systemctl", "daemon-reload");
  },

  async late() {
    await check(
      "while no server answers, the machine boots, and both volumes stay closed and wait",
      async () => {
        await until("the machine runs", () => property("multi-user.target", "ActiveState") === "active");
        await until("both mounts have given up", () =>
          NAMES.every((name) => property(`srv-${name}.mount`, "Job") === ""),
        );
        for (const name of NAMES) {
          assert.equal(existsSync(`/dev/mapper/${name}`), false);
          assert.equal(property(`systemd-cryptsetup@${name}.service`, "ActiveState"), "activating");
        }
      },
    );
    await check("once there is one, both open and are mounted, though the mounts had given up", async () => {
      await ask("there");
      await until("mounted", () => NAMES.every(mounted));
      for (const name of NAMES) assert.equal(succeed("cat", `/srv/${name}/file`), name);
    });
    await check("both keys were asked for at once", () => {
      const log = journal("keyward-agent.service").split("\n");
      const [asked, given] = ["systemd asks for the key", "systemd has the key"].map((message) =>
        log.flatMap((line, i) => (line.includes(message) ? [i] : [])),
      );
      assert.equal(asked?.length, 2);
      assert.equal(given?.length, 2);
      assert.ok(Math.max(...(asked ?? [])) < Math.min(...(given ?? [])));
    });
  },
};

void guest(phases[process.env.KW_PHASE ?? ""] ?? assert.fail);
