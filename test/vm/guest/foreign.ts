/** A machine with another's disk, or with another's variables. */
import assert from "node:assert/strict";
import { run, succeed } from "./programs.ts";
import { check, guest } from "./report.ts";

const DISK = process.env.KW_DISK ?? "";
const DISK_KEY = "keyward derive web-1/data --unlisted --kind luks --seed uefi".split(" ");

const phases: Readonly<Record<string, () => Promise<void>>> = {
  async disk() {
    await check("another machine's seed does not open the disk", () => {
      succeed("keyward", "seed", "install", "--uefi");
      const line = `${DISK_KEY.join(" ")} | cryptsetup open --test-passphrase --key-file=- ${DISK}`;
      assert.equal(run(["sh", "-c", line]).status, 2);
    });
  },

  async variables() {
    await check("another machine's sealed seed is not opened here", () => {
      const { status, stdout, stderr } = run(DISK_KEY);
      assert.equal(status, 7, stderr);
      assert.equal(stdout, "");
    });
  },
};

void guest(phases[process.env.KW_PHASE ?? ""] ?? assert.fail);
