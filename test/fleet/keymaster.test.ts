/**
 * KeyMaster's story, with real parts: a master key of OpenSSL's, an item encrypted by Chef's own code, a Chef server with
 * thirty nodes, three sshds, and the program as it is built.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { appendFileSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { chefNode, type Goiardi, startGoiardi } from "../chef/goiardi.ts";
import { createProgram, type Program } from "../server/program.ts";
import { type Sshd, startSshd } from "../ssh/sshd.ts";
import { readIfThere } from "../waiting.ts";

const ITEM = "service123-databagXYZ-production";
const KEY = `keymaster/${ITEM}`;

let goiardi: Goiardi;
let program: Program;
const machines = new Map<string, Sshd>();
const file = (name: string): string => join(program.directory, name);
const onNode = (name: string): string => join(program.directory, name, "keymaster", `${ITEM}.key`);
const read = (name: string): string | null => readIfThere(onNode(name));

before(async () => {
  goiardi = await startGoiardi();
  program = createProgram();
  for (const name of ["n00", "n01", "n02"]) machines.set(name, await startSshd());
});
after(async () => {
  for (const sshd of machines.values()) await sshd.stop();
  await goiardi.stop();
  program.remove();
});

interface Said {
  readonly status: number | null;
  readonly text: string;
}

async function run(...words: string[]): Promise<Said> {
  const { status, stdout, stderr } = await program.run(words);
  return { status, text: stdout + stderr };
}

/** Ends with one of these. */
async function says(words: string, status: number, ...patterns: RegExp[]): Promise<string> {
  const said = await run(...words.split(" "));
  assert.equal(said.status, status, `${words}: ${said.text}`);
  for (const pattern of patterns) assert.match(said.text, pattern, words);
  return said.text;
}

const chef = (): string =>
  `--chef-server ${goiardi.url} --chef-user ${goiardi.user} --chef-key ${goiardi.keyFile}`;
const sync = (...patterns: RegExp[]): Promise<string> =>
  says(`inventory sync chef ${chef()}`, 0, ...patterns);
const importing = (master: string, more = ""): string => {
  const { username, gid } = userInfo();
  const who = `--owner ${username} --group ${gid} --path keymaster`;
  return `import keymaster ${chef()} --secret-file ${master} --environment production ${who}${more}`;
};

const tagged = (name: string, tags: string[], environment = "production"): object =>
  chefNode(name, {
    chef_environment: environment,
    normal: { tags },
    automatic: { ipaddress: "127.0.0.1", roles: ["r"] },
    run_list: ["role[r]"],
  });

/** A master key of `openssl rand -base64 2048`, and items that Chef encrypted under it: `test/chef/keymaster-items.rb`. */
const chefs = JSON.parse(
  readFileSync(join(import.meta.dirname, "../vectors/chef/keymaster-items.json"), "utf8"),
) as {
  readonly master_key: string;
  readonly items: readonly {
    readonly version: number;
    readonly plain: { key: string };
    readonly item: object;
  }[];
};

function encrypted(version: number, key: string): object {
  const found = chefs.items.find((one) => one.version === version && one.plain.key === key);
  return found?.item ?? assert.fail(`version ${version}`);
}

/** As knife sends an item. */
const wrapped = (item: object): object => ({
  name: `data_bag_item_keymaster_${ITEM}`,
  json_class: "Chef::DataBagItem",
  chef_type: "data_bag_item",
  data_bag: "keymaster",
  raw_data: item,
});

function makeMaster(name: string): string {
  writeFileSync(file(name), execFileSync("openssl", ["rand", "-base64", "2048"]), { mode: 0o600 });
  return file(name);
}

test("a site of KeyMaster's: thirty nodes, an item, and three of them that it is for", async () => {
  writeFileSync(file("master.key"), chefs.master_key, { mode: 0o600 });
  for (const name of ["production", "staging"])
    await goiardi.ask("POST", "/environments", {
      name,
      json_class: "Chef::Environment",
      chef_type: "environment",
      description: "",
      cookbook_versions: {},
      default_attributes: {},
      override_attributes: {},
    });
  for (let i = 0; i < 30; i++) {
    const tags = i < 3 || i >= 27 ? ["service123"] : [];
    await goiardi.ask(
      "POST",
      "/nodes",
      tagged(`n${String(i).padStart(2, "0")}`, tags, i < 27 ? "production" : "staging"),
    );
  }
  await goiardi.ask("POST", "/data", { name: "keymaster" });
  await goiardi.ask("POST", "/data/keymaster", wrapped(encrypted(3, "-----KEY-----\none\n")));
  await program.init();
  await sync(/brought in 30 nodes: 30 new/);
  await says("inventory accept chef.environment chef.normal.tags", 0, /warning: a node can write/);
});

test("the machines are known by their host keys, and let Keyward in", async () => {
  const { text } = await run("ssh", "authorize");
  for (const [name, sshd] of machines) {
    appendFileSync(join(sshd.folder, "authorized_keys"), text);
    mkdirSync(join(program.directory, name), { mode: 0o700 });
    writeFileSync(file(`${name}.pub`), sshd.hostKey);
    const where = `--address 127.0.0.1 --port ${sshd.port} --user ${sshd.user} --directory ${file(name)}`;
    await says(`node push ${name} ${where} --host-key ${name}.pub`, 0, /is pushed to at 127\.0\.0\.1/);
  }
});

test("import, plan, push: the key lies on those three, and the plan is empty", async () => {
  await says(importing(file("master.key"), " --dry-run"), 0, /would be: 1 new/, /gain +n02/);
  await says("key list", 0, /^(?![\s\S]*keymaster)/);
  const imported = await says(importing(file("master.key")), 0, new RegExp(`${ITEM} +new +${KEY} +1 `));
  assert.doesNotMatch(imported, /nobody gets/);
  const plan = await says("plan", 8, /3 to gain, 0 to replace, 0 to lose/, /warning: chef\.normal\.tags/);
  assert.match(plan, /gain +n00[\s\S]+gain +n01[\s\S]+gain +n02/);
  assert.doesNotMatch(plan, /n2[789]/);
  await says("push", 0, /delivered +3/);
  for (const name of machines.keys()) {
    assert.equal(read(name), "-----KEY-----\none\n");
    assert.equal(statSync(onNode(name)).mode & 0o7777, 0o600);
  }
  await says("plan", 0, /every node holds what it should/);
  await says(importing(file("master.key")), 0, /1 unchanged/);
  await says("push", 0, /unchanged +3/);
});

test("a node that leaves the search loses its key", async () => {
  await goiardi.ask("PUT", "/nodes/n02", tagged("n02", []));
  await sync(/0 new, 1 changed, 29 unchanged/, /lose +n02/);
  await says("plan", 8, /0 to gain, 0 to replace, 1 to lose/, /lose +n02/);
  await says("push", 0);
  assert.equal(read("n02"), null);
  assert.equal(read("n01"), "-----KEY-----\none\n");
  await says("plan", 0);
});

test("the key is rotated: a new version, and on the nodes by the next push", async () => {
  const item = encrypted(1, "-----KEY-----\ntwo\n");
  await goiardi.ask("PUT", `/data/keymaster/${ITEM}`, wrapped(item));
  const weak = new RegExp(`warning: whoever can write the bag can change these unseen.*${ITEM}`);
  await says(importing(file("master.key")), 0, new RegExp(`${ITEM} +changed +${KEY} +2 `), weak);
  await says("plan", 8, /0 to gain, 2 to replace, 0 to lose/);
  await says("push", 0, /delivered +2/);
  assert.deepEqual(
    [read("n00"), read("n01"), read("n02")],
    ["-----KEY-----\ntwo\n", "-----KEY-----\ntwo\n", null],
  );
});

test("the bag is resealed to another master key, and nothing else changes", async () => {
  const next = makeMaster("next.key");
  const words = `data-bag reseal --secret-file ${file("master.key")} --new-secret-file ${next} --all ${chef()}`;
  await says(words, 0);
  await says(importing(file("master.key")), 7, /the master key opens none of 1 items/);
  assert.doesNotMatch(await says(importing(next), 0, /1 unchanged/), /unseen/);
  await says("plan", 0);
  assert.equal(read("n00"), "-----KEY-----\ntwo\n");
});

test("an item that is gone takes the key along", async () => {
  await goiardi.ask("DELETE", `/data/keymaster/${ITEM}`);
  await says(importing(file("next.key")), 0, /no item is for this environment/);
  await says("plan", 0);
  await says(importing(file("next.key"), " --prune"), 0, /1 gone/, /lose +n00[\s\S]+lose +n01/);
  await says("push", 0);
  assert.deepEqual([read("n00"), read("n01")], [null, null]);
});

test("history and the audit log tell it all, and hold no value", async () => {
  const history = await says(`key history ${KEY}`, 0, /^1 +retiring/m, /^2 +primary/m);
  for (const [name, version] of [
    ["n00", 2],
    ["n01", 2],
    ["n02", 1],
  ])
    assert.match(history, new RegExp(`^${name} +${version} +\\d{4}-.*Z +\\d{4}-.*Z +\\d{4}-.*Z$`, "m"));
  await says("audit verify", 0, /intact/);
  const about = await says("audit list --resource n02 --limit 1000", 0);
  for (const what of [
    /inventory:write +chef .*change=made/,
    /inventory:write +chef .*change=changed/,
    /node:deliver/,
    /withdrawn=true/,
  ])
    assert.match(about, what);
  const all = await says(
    "audit list --limit 1000 -o json",
    0,
    /key:write/,
    /change=remove|"change": ?"remove"/,
  );
  assert.doesNotMatch(all, /-----KEY-----|LS0tLS1LRVkt/);
});
