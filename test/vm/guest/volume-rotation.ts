/**
 * A volume whose key is rotated: each boot opens it, finishes the rotation that the power cut broke off, and begins
 * another one. `KW_CUT`: before or after which call of cryptsetup the power goes; the program itself is the real one.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { disk, FILE, isMounted, prepareDisks, slots, unlock, until, withAgent } from "./node-volume.ts";
import { ask } from "./outside.ts";
import { check, guest } from "./report.ts";

const CRYPTSETUP = "/usr/sbin/cryptsetup";

/** It reports the mark and goes no further. */
function cutAt(mark: string): void {
  const [when = "", ...words] = mark.split(" ");
  const report = `echo '{"kind":"mark","name":"${mark}"}' > ${process.env.KW_REPORT}; sleep 1000`;
  const call = `${CRYPTSETUP}.real "$@"`;
  const at = when === "before" ? `${report}` : `${call}; ${report}`;
  renameSync(CRYPTSETUP, `${CRYPTSETUP}.real`);
  writeFileSync(
    CRYPTSETUP,
    `#!/bin/sh\ncase "$*" in *"${words.join(" ")}"*) ${at};; *) exec ${call};; esac\n`,
  );
  chmodSync(CRYPTSETUP, 0o755);
}

void guest(async () => {
  prepareDisks();
  if (process.env.KW_PHASE === "first")
    return await check("the agent makes the volume", async () => {
      await withAgent((agent) => until("mounted", isMounted, agent));
      writeFileSync(FILE, "written\n", { flush: true });
    });
  await check("whichever step the power was cut at, the server's key opens it", () => {
    const { status, stderr } = unlock();
    assert.equal(status, 0, stderr);
    assert.equal(readFileSync(FILE, "utf8"), "written\n");
  });
  await check("the rotation is finished: one key opens it, that of now", () => {
    const { status, stderr } = disk("rotate");
    assert.equal(status, 0, stderr);
    assert.equal(slots(), 1);
  });
  if (process.env.KW_CUT === undefined)
    return await check("as many shares of its recovery key as say so open it, and fewer do not", () => {
      const made = disk("escrow", "--shares", "3", "--threshold", "2", "--out", "/tmp/data");
      assert.equal(made.status, 0, made.stderr);
      assert.equal(disk("lock").status, 0);
      const [one, , three] = [1, 2, 3].map((number) => ["--share", `/tmp/data-${number}.share`]);
      const few = unlock(...(one ?? []));
      assert.match(few.stderr, /1 more is needed/);
      assert.equal(isMounted(), false);
      const enough = unlock(...(one ?? []), ...(three ?? []));
      assert.equal(enough.status, 0, enough.stderr);
      assert.match(enough.stderr, /open with its recovery key/);
      assert.equal(readFileSync(FILE, "utf8"), "written\n");
    });
  await ask("next version");
  cutAt(decodeURIComponent(process.env.KW_CUT));
  await once(
    spawn("keyward", ["disk", "rotate", "data"], { stdio: ["ignore", "inherit", "inherit"] }),
    "close",
  );
});
