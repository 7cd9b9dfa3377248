/**
 * What lies under contrib/, with Debian's Jinja, PyYAML and Ruby: what is rendered, and that what it runs keeps the
 * contract of `keyward derive`. Salt and Ansible themselves: test/peers/.
 */
import assert from "node:assert/strict";
import { type SpawnSyncReturns, spawnSync } from "node:child_process";
import path from "node:path";
import { after, describe, test } from "node:test";
import { contrib, contribMachine } from "./machine.ts";

const machine = await contribMachine();
after(() => machine.remove());
const password = machine.keyward("derive", "root-password");

function run(program: string, args: readonly string[], input = "", more = {}): SpawnSyncReturns<string> {
  return spawnSync(program, args, {
    env: { ...machine.env, ...more },
    cwd: contrib,
    input,
    encoding: "utf8",
  });
}

/** Debian's Python, which has Debian's Jinja and PyYAML, whatever else is on the PATH. */
function python(program: string, ...args: string[]): string {
  const { status, stdout, stderr } = run("/usr/bin/python3", ["-B", "-c", program, ...args]);
  assert.equal(status, 0, stderr);
  return stdout;
}

const slot = (words: string): string =>
  `__slot__:salt:cmd.run("keyward derive ${words}", raise_err=True, output_loglevel=garbage)`;

describe("keyward derive, as other tools run it:", () => {
  test("the key and nothing else, on standard output alone", () => {
    const { status, stdout, stderr } = run("keyward", ["derive", "--", "root-password"]);
    assert.deepEqual({ status, stdout, stderr }, { status: 0, stdout: password, stderr: "" });
    assert.match(password, /^[!-~]{64}$/);
  });

  test("an unknown realm is an error without output", () => {
    const { status, stdout, stderr } = run("keyward", ["derive", "--", "root-pasword"]);
    assert.equal(status, 3);
    assert.equal(stdout, "");
    assert.match(stderr, /no such realm/);
  });

  test("what looks like a flag is a realm", () => {
    assert.match(run("keyward", ["derive", "--", "--version"]).stderr, /no such realm: "--version"/);
  });
});

describe("Salt:", () => {
  const render = `
import sys, jinja2, yaml
env = jinja2.Environment(loader=jinja2.FileSystemLoader("salt"), undefined=jinja2.StrictUndefined)
text = env.from_string(sys.argv[1]).render()
print(yaml.safe_load(text)["state"][0]["stdin"], end="")
`;
  const sls = (call: string): string =>
    `{% from 'keyward.jinja' import gokey with context %}\nstate:\n  - stdin: {{ ${call} }}\n`;

  test("the macro gives a slot, which runs keyward derive", () => {
    assert.equal(python(render, sls("gokey('root-password')")), slot("-- root-password"));
    assert.equal(python(render, sls("gokey('web-1/ssh', version=2)")), slot("--version 2 -- web-1/ssh"));
    assert.equal(python(render, sls("gokey('łódź/a.b_c+d=e')")), slot("-- łódź/a.b_c+d=e"));
  });

  for (const realm of ["a b", 'a"', "a\\", "a'", "a)", "a~b", "", "a\n", "$(id)"])
    test(`the macro refuses what is no realm's name: ${JSON.stringify(realm)}`, () => {
      const { status, stderr } = run("/usr/bin/python3", [
        "-B",
        "-c",
        render,
        sls(`gokey(${JSON.stringify(realm)})`),
      ]);
      assert.notEqual(status, 0);
      assert.match(stderr, /gokey_wants_the_name_of_a_realm/);
    });

  test("the state unlocks the article's volumes and then starts what runs on them, without a key", () => {
    const program = `
import sys, json, jinja2, yaml
env = jinja2.Environment(loader=jinja2.FileSystemLoader("salt"), undefined=jinja2.StrictUndefined)
print(json.dumps(yaml.safe_load(env.get_template("disk.sls").render(pillar=json.loads(sys.argv[1])))))
`;
    const data = {
      dev_name: "/dev/vdb",
      vg_name: "vg",
      mountpoint: "/srv/data",
      password: "secret",
      services: ["mongod"],
    };
    const text = python(program, JSON.stringify({ luks: { data } }));
    assert.doesNotMatch(text, /secret/);
    assert.deepEqual(JSON.parse(text), {
      "unlock data": {
        "cmd.run": [
          { name: "keyward unlock data --device /dev/vdb --no-prompt --timeout 2m" },
          { unless: "keyward disk status data" },
        ],
      },
      "data is mounted": {
        "test.fail_without_changes": [
          { name: "nothing is mounted on /srv/data" },
          { unless: "mountpoint -q /srv/data" },
          { require: [{ cmd: "unlock data" }] },
        ],
      },
      mongod: { "service.running": [{ require: [{ test: "data is mounted" }] }] },
    });
    const volumes = [
      { "a; id": data },
      { "--help": data },
      { data: { ...data, dev_name: "/dev/$(id)" } },
      { data: { ...data, dev_name: "--key" } },
      { data: { ...data, mountpoint: "/srv/a b" } },
      { data: { ...data, timeout: "1 --help" } },
    ];
    for (const luks of volumes) {
      const bad = run("/usr/bin/python3", ["-B", "-c", program, JSON.stringify({ luks })]);
      assert.match(bad.stderr, /keyward_wants_names_and_paths/, JSON.stringify(luks));
    }
  });

  test("the renderer makes a slot of the talk's tag, and leaves any other for Jinja to refuse", () => {
    const program = `
import sys, jinja2, yaml
sys.path.insert(0, "salt/_renderers")
import gokey
for text in sys.argv[1:]:
    print(gokey.render(text).read())
`;
    const texts = [
      "a: {% gokey('root-password') %}",
      'a: {%- gokey("web-1/ssh") -%}',
      "a: {% gokey('a b') %}",
    ];
    assert.deepEqual(
      python(program, ...texts)
        .trimEnd()
        .split("\n"),
      [`a: '${slot("-- root-password")}'`, `a: '${slot("-- web-1/ssh")}'`, "a: {% gokey('a b') %}"],
    );
  });

  const module = `
import importlib.util, subprocess, sys, types
class Failed(Exception): pass
sys.modules["salt"] = types.ModuleType("salt")
sys.modules["salt.exceptions"] = types.ModuleType("salt.exceptions")
sys.modules["salt.exceptions"].CommandExecutionError = Failed
def load(kind):
    found = importlib.util.spec_from_file_location(kind, "salt/" + kind + ".py")
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module
keyward, gokey, sdb = load("_modules/keyward"), load("_modules/gokey"), load("_sdb/keyward")
def run_all(command, python_shell, output_loglevel, rstrip):
    assert isinstance(command, list) and not python_shell and output_loglevel == "quiet" and not rstrip
    done = subprocess.run(command, capture_output=True, text=True)
    return {"retcode": done.returncode, "stdout": done.stdout, "stderr": done.stderr}
keyward.__salt__ = {"cmd.run_all": run_all}
gokey.__salt__ = sdb.__salt__ = {"keyward.derive": keyward.derive}
`;

  test("the modules and SDB give the key to the byte", () => {
    for (const call of ["keyward.derive", "gokey.key", "sdb.get"])
      assert.equal(python(`${module}print(${call}("root-password"), end="")`), password);
    const first = machine.keyward("derive", "root-password", "--version", "1");
    for (const call of ["keyward.derive", "gokey.key"])
      assert.equal(python(`${module}print(${call}("root-password", 1), end="")`), first);
    assert.notEqual(first, password);
    assert.match(
      python(`${module}print(keyward.derive("web-1/ssh"), end="")`),
      /^-----BEGIN OPENSSH(.|\n)*-----\n$/,
    );
  });

  test("the module raises for an unknown realm", () => {
    const program = `${module}
try: keyward.derive("typo")
except Failed as error: print(error, end="")
`;
    assert.match(python(program), /no such realm: "typo"/);
  });

  test("pass show gives a key of the seed or of the server, and anything else nothing", () => {
    const pass = path.join(contrib, "salt/bin/pass");
    assert.equal(run(pass, ["show", "root-password"]).stdout, password);
    const store = { KEYWARD_DATA: path.join(machine.directory, "store") };
    machine.keyward("init", "--data", store.KEYWARD_DATA);
    machine.keyward("key", "generate", "db/password", "--data", store.KEYWARD_DATA);
    const value = machine.keyward("key", "get", "db/password", "--data", store.KEYWARD_DATA);
    assert.equal(run(pass, ["show", "key:db/password"], "", store).stdout, value);
    const others = [
      ["show", "key:typo"],
      ["show", "key:--help"],
      ["show", "key:"],
      ["show", "typo"],
    ];
    for (const words of [...others, ["ls"], [], ["show", "a", "b"], ["insert", "root-password"]]) {
      const { status, stdout } = run(pass, words, "", store);
      assert.notEqual(status, 0);
      assert.equal(stdout, "");
    }
  });

  test("what a cmd_json pillar reads is an object of references, and no secret", () => {
    const text = machine.keyward("realm", "list", "-o", "json");
    const pillar = JSON.parse(text);
    assert.deepEqual(
      pillar.realms.map(({ name }: { name: string }) => name),
      ["root-password", "web-1/ssh"],
    );
    assert.ok(!text.includes(password.slice(0, 8)));
  });
});

describe("Ansible:", () => {
  const expression = `
import json, shlex, subprocess, sys, jinja2, yaml
env = jinja2.Environment(undefined=jinja2.StrictUndefined)
env.filters["quote"] = shlex.quote
def lookup(plugin, command):
    assert plugin == "ansible.builtin.pipe"
    return subprocess.run(command, shell=True, check=True, capture_output=True, text=True).stdout.rstrip()
env.globals["lookup"] = lookup
template = yaml.safe_load(open("ansible/vars.yml"))["keyward"]
print(env.from_string(template).render(keyward_realm=sys.argv[1]), end="")
`;

  test("the variable gives the key by the pipe plugin's shell", () => {
    assert.equal(python(expression, "root-password"), password);
  });

  test("no realm reaches the shell as anything but a word", () => {
    const { status, stdout, stderr } = run("/usr/bin/python3", ["-B", "-c", expression, "x; echo found #"]);
    assert.notEqual(status, 0);
    assert.doesNotMatch(stdout, /found/);
    assert.match(stderr, /CalledProcessError/);
  });

  test("the playbook is YAML, and each task that has a value says no_log", () => {
    const program = `
import json, yaml
print(json.dumps(yaml.safe_load(open("ansible/playbook.yml"))))
`;
    const [{ tasks }] = JSON.parse(python(program));
    assert.ok(tasks.every((task: { no_log?: boolean }) => task.no_log === true));
  });
});

describe("Chef:", () => {
  const ruby = (program: string): SpawnSyncReturns<string> =>
    run("ruby", ["-r", "./chef/libraries/keyward.rb", "-e", program]);

  test("the helper gives the key to the byte", () => {
    assert.equal(ruby("include Keyward; print keyward('root-password')").stdout, password);
    const first = machine.keyward("derive", "root-password", "--version", "1");
    assert.equal(ruby("include Keyward; print keyward('root-password', version: 1)").stdout, first);
  });

  test("the helper raises for an unknown realm, and no shell sees it", () => {
    const { status, stdout, stderr } = ruby("include Keyward; print keyward('x; echo found')");
    assert.notEqual(status, 0);
    assert.equal(stdout, "");
    assert.match(stderr, /no such realm/);
  });

  test("where Chef is, recipes have it", () => {
    const program = `
module Chef; module DSL; module Recipe; end; end; end
load './chef/libraries/keyward.rb'
print Class.new { include Chef::DSL::Recipe }.new.keyward('root-password')
`;
    assert.equal(run("ruby", ["-e", program]).stdout, password);
  });
});
