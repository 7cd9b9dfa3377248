/**
 * Two volumes of one machine with systemd, and a server that is away when it boots. `KW_PHASE`: the first boot makes the
 * volumes, at the next one systemd opens them.
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { filesWith, isActive, journal, processes, property, until } from "./debian.ts";
import { ask } from "./outside.ts";
import { run, succeed } from "./programs.ts";
import { check, guest } from "./report.ts";

const NAMES = ["data", "more"];
const crypt = (name: string): string => `systemd-cryptsetup@${name}.service`;
const mounted = (name: string): boolean => isActive(`srv-${name}.mount`);

/** Sooner than it would, so that the server is later. */
const sooner = (line: string): string =>
  line.replaceAll("x-systemd.device-timeout=90s", "x-systemd.device-timeout=5s");

const phases: Readonly<Record<string, () => Promise<void>>> = {
  async first() {
    await check("both volumes are made and mounted", () =>
      until("mounted", () => NAMES.every((name) => run(["mountpoint", "-q", `/srv/${name}`]).status === 0)),
    );
    await check("a service that does not start costs the others nothing, and is said", async () => {
      await until("the other one runs", () => isActive("keeper.service"));
      await until("it is said", () => /"volume failed"/.test(journal("keyward-agent.service")));
      assert.match(journal("keyward-agent.service"), /broken\.service/);
    });
    for (const name of NAMES) {
      writeFileSync(`/srv/${name}/file`, name, { flush: true });
      succeed("keyward", "disk", "units", name, "--write");
    }
    succeed("systemctl", "enable", "keyward-credential@orders.password.socket", "orders.service");
    writeFileSync("/etc/fstab", sooner(readFileSync("/etc/fstab", "utf8")));
    succeed("systemctl", "daemon-reload");
    await ask("away");
  },

  async late() {
    await check("the machine went off without waiting for anyone, though its server was away", () => {
      const log = succeed("journalctl", "--no-pager", "-o", "cat", "-b", "-1");
      assert.match(log, /Reached target .*(?:Power-Off|poweroff)/i);
      assert.doesNotMatch(log, /timed out|Failed unmounting|Failed to deactivate|still in use/i);
    });
    await check(
      "while no server answers, the machine boots, and both volumes stay closed and wait",
      async () => {
        await until("the machine runs", () => property("multi-user.target", "ActiveState") === "active");
        await until("both mounts have given up", () =>
          NAMES.every((name) => property(`srv-${name}.mount`, "Job") === ""),
        );
        for (const name of NAMES) {
          assert.equal(existsSync(`/dev/mapper/${name}`), false);
          assert.equal(property(crypt(name), "ActiveState"), "activating");
        }
        assert.doesNotMatch(journal("orders.service"), /password/);
      },
    );
    await check("a service that is started by hand before its volume is there does not begin", () => {
      assert.notEqual(run(["systemctl", "start", "keeper.service"]).status, 0);
      assert.equal(existsSync("/srv/data/keeper"), false);
    });
    await check("once there is one, both open and are mounted, though the mounts had given up", async () => {
      await ask("there");
      await until("mounted", () => NAMES.every(mounted));
      for (const name of NAMES) assert.equal(succeed("cat", `/srv/${name}/file`), name);
    });
    await check("both keys were asked for at once", () => {
      const log = journal("keyward-agent.service").split("\n");
      const [asked, given] = ["systemd asks for the key", "systemd has the key"].map((message) =>
        log.flatMap((line, i) => (line.includes(`"${message}"`) ? [i] : [])),
      );
      assert.equal(asked?.length, 2);
      assert.equal(given?.length, 2);
      assert.ok(Math.max(...(asked ?? [])) < Math.min(...(given ?? [])));
    });
    await check("the service begins with its volume, ends when that goes, and is back with it", async () => {
      await until("it runs", () => isActive("keeper.service"));
      succeed("systemctl", "stop", crypt("data"));
      assert.equal(existsSync("/dev/mapper/data"), false);
      for (const unit of ["srv-data.mount", "keeper.service"])
        assert.equal(property(unit, "ActiveState"), "inactive", unit);
      const { status, stderr } = run(["keyward", "unlock", "data", "--no-prompt"]);
      assert.equal(status, 1);
      assert.match(stderr, /data: open with version 1[\s\S]*unit broken\.service: did not start/);
      await until("both are back", () => mounted("data") && isActive("keeper.service"));
    });
    await check(
      "a service that loads its key from the agent's socket has it, alone and as its own user, and it is nowhere else",
      async () => {
        await until("the service has begun", () => journal("orders.service").includes("password"));
        const key = readFileSync("/run/keyward/keys/orders.password");
        const digest = createHash("sha256").update(key).digest("hex");
        assert.match(journal("orders.service"), new RegExp(`^password ${digest} user (?!0$)\\d+$`, "m"));
        assert.doesNotMatch(journal("orders.service"), /reads the agent's keys/);
        assert.deepEqual(filesWith(key), [
          "/run/credentials/orders.service/password",
          "/run/keyward/keys/orders.password",
        ]);
        assert.equal(Buffer.concat(processes()).includes(key), false);
      },
    );
    await check("a volume that is locked and unlocked by hand is closed and open for systemd, too", () => {
      succeed("keyward", "disk", "lock", "more");
      assert.equal(existsSync("/dev/mapper/more"), false);
      for (const unit of [crypt("more"), "srv-more.mount"])
        assert.equal(property(unit, "ActiveState"), "inactive", unit);
      succeed("keyward", "unlock", "more", "--no-prompt");
      for (const unit of [crypt("more"), "srv-more.mount"])
        assert.equal(property(unit, "ActiveState"), "active", unit);
      assert.equal(succeed("cat", "/srv/more/file"), "more");
    });
    await check(
      "where crypttab has no socket, the agent answers systemd's question for the passphrase",
      () => {
        succeed("keyward", "disk", "lock", "more");
        succeed("systemctl", "stop", "keyward-key@more.socket");
        succeed("systemctl", "mask", "keyward-key@more.socket");
        assert.equal(existsSync("/run/cryptsetup-keys.d/more.key"), false);
        const crypttab = readFileSync("/etc/crypttab", "utf8");
        writeFileSync("/etc/crypttab", crypttab.replaceAll(",headless=true", ""));
        succeed("systemctl", "daemon-reload");
        succeed("systemctl", "start", crypt("more"));
        assert.equal(existsSync("/dev/mapper/more"), true);
        assert.match(journal("keyward-agent.service"), /systemd has the key as its answer/);
      },
    );
    await check("what systemd takes over open costs no second key", () => {
      assert.match(journal("keyward-agent.service"), /takes it over without a key/);
      const { volumes } = JSON.parse(succeed("keyward", "disk", "status", "-o", "json"));
      for (const { state, systemd } of volumes) assert.deepEqual([state, systemd], ["open", "active"]);
    });
  },
};

void guest(phases[process.env.KW_PHASE ?? ""] ?? assert.fail);
