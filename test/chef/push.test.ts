/** Nodes that a real Chef server says how to reach, some of which mean harm, and a real sshd. */
import assert from "node:assert/strict";
import { appendFileSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { createProgram, type Program } from "../server/program.ts";
import { type Sshd, startSshd } from "../ssh/sshd.ts";
import { readIfThere } from "../waiting.ts";
import { chefNode, type Goiardi, startGoiardi } from "./goiardi.ts";

let goiardi: Goiardi;
let program: Program;
let sshd: Sshd;
before(async () => {
  goiardi = await startGoiardi();
  sshd = await startSshd();
  program = createProgram();
  await program.init();
});
after(async () => {
  program.remove();
  await sshd.stop();
  await goiardi.stop();
});

async function says(status: number, ...words: string[]): Promise<string> {
  const ended = await program.run(words);
  assert.equal(ended.status, status, `${words.join(" ")}: ${ended.stdout}${ended.stderr}`);
  return ended.stdout + ended.stderr;
}
const sync = (): Promise<string> => {
  const flags = ["--chef-server", goiardi.url, "--chef-user", goiardi.user, "--chef-key", goiardi.keyFile];
  return says(0, "inventory", "sync", "chef", ...flags);
};

const HOSTILE_TAGS = [";rm -rf /", "a\nb", "-oProxyCommand=touch pwned", "$(touch pwned)", "\u001b[2J"];

async function tell(method: "POST" | "PUT", name: string, automatic: object): Promise<void> {
  const path = method === "POST" ? "/nodes" : `/nodes/${name}`;
  await goiardi.ask(method, path, chefNode(name, { normal: { tags: ["db", ...HOSTILE_TAGS] }, automatic }));
}

const blobOf = (line: string): string => line.split(" ")[1] ?? "";
const keysOf = (line: string): object => ({ ssh: { host_ed25519_public: blobOf(line) } });
const directory = (): string => join(program.directory, "keys");

test("addresses and host keys are taken from Chef; what is no address, and who says no key, is refused by name", async () => {
  const keys = keysOf(sshd.hostKey);
  const evil = {
    semicolon: "127.0.0.1;touch pwned",
    option: "-oProxyCommand=touch pwned",
    newline: "10.0.0.1\n127.0.0.1",
    blanks: "127.0.0.1 || touch pwned || node",
  };
  await tell("POST", "web1", { ipaddress: "192.0.2.1", network: { lanip: "127.0.0.1" }, keys });
  for (const [name, ipaddress] of Object.entries(evil)) await tell("POST", name, { ipaddress, keys });
  await tell("POST", "keyless", { ipaddress: "127.0.0.1" });
  await tell("POST", "badkey", { ipaddress: "127.0.0.1", keys: keysOf("x AAAA\u000assh-ed25519 AAAA") });
  await tell("POST", "nowhere", { keys });
  assert.match(await sync(), /brought in 8 nodes: 8 new/);
  await says(0, "inventory", "accept", "chef.normal.tags");

  mkdirSync(directory(), { mode: 0o700 });
  const where = ["--port", String(sshd.port), "--user", sshd.user, "--directory", directory()];
  const said = await says(8, "node", "push", "--query", "tags:db", "--from", "chef", ...where);
  assert.match(said, /^1 of 8 nodes is pushed to$/m);
  assert.match(said, /^web1 +127\.0\.0\.1 +SHA256:/m);
  for (const name of Object.keys(evil))
    assert.match(said, new RegExp(`^${name} +.*want a host name or an`, "m"));
  assert.match(said, /^keyless +.*says no SSH host key/m);
  assert.match(said, /^badkey +.*host key/m);
  assert.match(said, /^nowhere +.*says no address/m);
  assert.doesNotMatch(said, /\u001b\[2J/);
  await says(1, "node", "push", "web1", "--query", "tags:db", "--from", "chef");
  await says(1, "node", "push", "web1", "--from", "elsewhere");
});

test("a key is pushed to who may be reached; tags that are commands stay text", async () => {
  appendFileSync(join(sshd.folder, "authorized_keys"), await says(0, "ssh", "authorize"));
  assert.equal((await program.run(["key", "put", "db/pw"], "correct horse")).status, 0);
  await says(0, "grant", "add", "db/pw", "--to", "tags:db", "--path", "pw");
  assert.match(await says(0, "push"), /delivered +1 +1/);
  assert.equal(readIfThere(join(directory(), "pw")), "correct horse");
  const shown = await says(0, "node", "show", "web1");
  assert.ok(shown.includes(";rm -rf /") && !shown.includes("\u001b"), shown);
  assert.deepEqual(readdirSync(directory()), ["pw"]);
  assert.ok(!readdirSync(program.directory).includes("pwned"));
});

test("what Chef says later changes neither address nor host key: they are pinned", async () => {
  const other = Buffer.from(blobOf(sshd.hostKey), "base64");
  other.fill(7, other.length - 32);
  const keys = keysOf(`ssh-ed25519 ${other.toString("base64")}`);
  await tell("PUT", "web1", { ipaddress: "192.0.2.9", keys });
  assert.match(await sync(), /1 changed/);
  assert.match(await says(0, "node", "show", "web1"), /pushed to +\S+@127\.0\.0\.1 port/);
  assert.equal((await program.run(["key", "put", "db/pw"], "battery staple")).status, 0);
  assert.match(await says(0, "push"), /delivered +1 +1/);
  assert.equal(readIfThere(join(directory(), "pw")), "battery staple");
});
