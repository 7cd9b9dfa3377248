/** Ansible itself: contrib/ansible/ on this machine, and where the key is found afterwards. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { after, test } from "node:test";
import { type ContribMachine, contrib, contribMachine } from "../contrib/machine.ts";
import { pythonPeer } from "./python.ts";

const { bin = "", skip } = await pythonPeer("ansible", [
  "ansible-core==2.18.14",
  "jinja2==3.1.6",
  "PyYAML==6.0.2",
  "cryptography==43.0.3",
  "packaging==24.1",
  "resolvelib==1.0.1",
]);

let machine: ContribMachine | undefined;
after(() => machine?.remove());

function play(at: ContribMachine, playbook: string, ...words: string[]) {
  const env = {
    ...at.env,
    ANSIBLE_LOCAL_TEMP: path.join(at.directory, "tmp"),
    ANSIBLE_HOME: path.join(at.directory, "ansible"),
    ANSIBLE_LOG_PATH: path.join(at.directory, "ansible.log"),
    ANSIBLE_REMOTE_TEMP: path.join(at.directory, "remote"),
    ANSIBLE_PYTHON_INTERPRETER: path.join(bin, "python"),
    ANSIBLE_CACHE_PLUGIN: "jsonfile",
    ANSIBLE_CACHE_PLUGIN_CONNECTION: path.join(at.directory, "facts"),
  };
  const inventory = ["-i", "localhost,", "-c", "local", "-vvv"];
  return spawnSync(path.join(bin, "ansible-playbook"), [...inventory, ...words, playbook], {
    env,
    encoding: "utf8",
    timeout: 120_000,
  });
}

test("the playbook puts both keys in place, and no log, cache or output has them", { skip }, async () => {
  machine = await contribMachine();
  const directory = path.join(machine.directory, "out");
  mkdirSync(directory);
  const playbook = path.join(contrib, "ansible/playbook.yml");
  const { status, stdout, stderr } = play(machine, playbook, "-D", "-e", `directory=${directory}`);
  assert.equal(status, 0, stdout + stderr);
  const password = machine.keyward("derive", "root-password");
  assert.equal(readFileSync(path.join(directory, "controller"), "utf8"), password);
  assert.equal(readFileSync(path.join(directory, "host"), "utf8"), password);
  const spellings = [password, JSON.stringify(password).slice(1, -1)];
  for (const text of [stdout, stderr]) assert.ok(spellings.every((one) => !text.includes(one)));
  const holders = readdirSync(machine.directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name))
    .filter((file) => spellings.some((one) => readFileSync(file).includes(one)));
  assert.deepEqual(holders.map((file) => path.basename(file)).sort(), ["controller", "host"]);
});

test("an unknown realm ends the play, and no shell reads it", { skip }, async () => {
  machine ??= await contribMachine();
  const playbook = path.join(machine.directory, "typo.yml");
  const vars = path.join(contrib, "ansible/vars.yml");
  const task = { name: "typo", "ansible.builtin.debug": { msg: "{{ keyward }}" } };
  const realm = `root-pasword; touch ${path.join(machine.directory, "found")}`;
  const plays = [
    { hosts: "all", gather_facts: false, vars_files: [vars], vars: { keyward_realm: realm }, tasks: [task] },
  ];
  writeFileSync(playbook, JSON.stringify(plays));
  const { status, stdout } = play(machine, playbook);
  assert.notEqual(status, 0);
  assert.match(stdout, /returned 3|no such realm/);
  assert.ok(!readdirSync(machine.directory).includes("found"));
});
