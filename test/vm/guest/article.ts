/**
 * A database server's boots, with nobody there: the first makes the volume, the others open it. `KW_PHASE`: which one.
 * What happens is done by systemd, the agent and MariaDB; this program looks, and does at the first boot what a
 * configuration manager does once.
 */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { isActive, journal, property, readyAt, showFiles, swapOut, until } from "./debian.ts";
import { run, succeed } from "./programs.ts";
import { check, guest, tell } from "./report.ts";

const query = (sql: string): string => succeed("mariadb", "--batch", "--skip-column-names", "-e", sql).trim();
const ROW = "written at the first boot";
const INSERT = `create database shop; create table shop.orders (name text); insert shop.orders values ('${ROW}')`;

async function running(): Promise<void> {
  await until("the database runs", () => isActive("mariadb.service"));
}

async function closedWorld(): Promise<void> {
  swapOut();
  tell("swapped", String(Number(succeed("awk", "NR>1 {print $4}", "/proc/swaps")) > 0));
  await showFiles();
}

const phases: Readonly<Record<string, () => Promise<void>>> = {
  async first() {
    await check("the agent makes the volume on the blank disk, mounts it, and starts the database", running);
    await check("its files are on the volume", () => {
      assert.match(succeed("findmnt", "-n", "-o", "SOURCE", "/srv/data"), /^\/dev\/mapper\/data/);
      assert.equal(existsSync("/srv/data/mysql/ibdata1"), true);
      assert.equal(existsSync("/var/lib/mysql/ibdata1"), false);
      query(INSERT);
    });
    await check("units for the next boots are made, and preflight finds nothing wrong", () => {
      succeed("keyward", "disk", "units", "data", "--write");
      assert.equal(isActive("systemd-cryptsetup@data.service"), true);
      const { status, stdout } = run(["keyward", "disk", "preflight"]);
      assert.equal(status, 0, stdout);
    });
    await closedWorld();
  },

  async reboot() {
    await check("the database runs, and has what was written", async () => {
      await running();
      assert.equal(query("select name from shop.orders"), ROW);
    });
    await check("systemd opened the volume with a key that it asked the agent for", () => {
      assert.equal(isActive("systemd-cryptsetup@data.service"), true);
      assert.match(journal("keyward-agent.service"), /systemd has the key/);
    });
    await check("the database began after its volume was mounted, that after it was opened", () => {
      const begun = Number(property("mariadb.service", "InactiveExitTimestampMonotonic"));
      const [opened, mounted] = [readyAt("systemd-cryptsetup@data.service"), readyAt("srv-data.mount")];
      assert.ok(opened < mounted && mounted <= begun, `${opened}, ${mounted}, ${begun}`);
    });
    await check(
      "when the machine was switched off, the database was stopped before its volume was closed",
      () => {
        assert.match(journal("mariadb.service", -1), /Shutdown complete/);
      },
    );
    tell("mounted", property("srv-data.mount", "ActiveEnterTimestampMonotonic"));
    await closedWorld();
  },

  /** The same volume, with its key in a file: for the figure. */
  async file() {
    await check("the database runs", running);
    tell("mounted", property("srv-data.mount", "ActiveEnterTimestampMonotonic"));
  },
};

void guest(phases[process.env.KW_PHASE ?? ""] ?? assert.fail);
