import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import type { Program, RunProgram } from "../process.ts";
import { createAccounts } from "./accounts.ts";

const directory = mkdtempSync(join(tmpdir(), "keyward-accounts-"));
after(() => rmSync(directory, { recursive: true }));
const passwd = join(directory, "passwd");
const group = join(directory, "group");
writeFileSync(passwd, "root:x:0:0:root:/root:/bin/sh\napp:x:1042:1043::/:/bin/false\n");
writeFileSync(group, "root:x:0:\napp:x:1043:\n");

const asked: Program[] = [];
const directoryService: RunProgram = async (program) => {
  asked.push(program);
  const known = program.argv[2] === "ldap-user";
  return {
    end: { kind: "exited", status: known ? 0 : 2 },
    output: new TextEncoder().encode(known ? "ldap-user:*:50123:50000::/home/x:/bin/sh\n" : ""),
  };
};
const accounts = createAccounts({ passwd, group, run: directoryService });

test("a number is taken as it is", async () => {
  assert.equal(await accounts.uidOf("4321"), 4321);
  assert.equal(await accounts.gidOf("0"), 0);
});

test("the number that means no change to chown is refused", async () => {
  await assert.rejects(accounts.uidOf("4294967295"), { code: "local" });
});

test("a name is found in the files of the host", async () => {
  assert.equal(await accounts.uidOf("app"), 1042);
  assert.equal(await accounts.gidOf("app"), 1043);
});

test("a name that the files do not know is asked of getent, as an argument of its own", async () => {
  assert.equal(await accounts.uidOf("ldap-user"), 50_123);
  assert.deepEqual(asked.at(-1)?.argv, ["getent", "passwd", "ldap-user"]);
});

test("a name that nobody knows says so, with the next step", async () => {
  await assert.rejects(accounts.gidOf("nobody-knows"), (error: Error & { hint?: string }) => {
    assert.match(error.message, /group "nobody-knows": not known on this host/);
    return /make the group first/.test(error.hint ?? "");
  });
});

test("a name that would be an option, or two fields, is not handed to getent", async () => {
  const before = asked.length;
  for (const name of ["--service=files", "a:b", "a b", "", "a\nb"]) {
    await assert.rejects(accounts.uidOf(name), { code: "local" });
  }
  assert.equal(asked.length, before);
});

test("the host's own getent answers", async () => {
  const real = createAccounts({ passwd: join(directory, "none"), group: join(directory, "none") });
  assert.equal(await real.uidOf("root"), 0);
});
