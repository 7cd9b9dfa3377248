/**
 * Salt itself: contrib/salt/ on a minion without a master and on a pair of master and minion, and where a key is
 * found afterwards: in the caches and logs of both, all files of them are searched.
 */
import assert from "node:assert/strict";
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import {
  cpSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { type ContribMachine, contrib, contribMachine } from "../contrib/machine.ts";
import { pythonPeer } from "./python.ts";

/** The last line with the `pass` renderer. Its packages name no dependencies of their own. */
const salt = await pythonPeer("salt", [
  "salt==3006.20",
  "msgpack==1.0.8",
  "distro==1.9.0",
  "psutil==6.0.0",
  "looseversion==1.3.0",
  "PyYAML==6.0.2",
  "Jinja2==3.1.6",
  "MarkupSafe==3.0.2",
  "requests==2.32.3",
  "jmespath==1.0.1",
  "packaging==24.1",
  "pyzmq==26.2.0",
  "pycryptodomex==3.20.0",
  "cryptography==43.0.3",
]);

let machine: ContribMachine;
/** As Salt has it when it is written out: enough of the password to be found by, without what pickling escapes. */
let password: string;
let env: Record<string, string>;
const root = (): string => path.join(machine.directory, "salt");
const at = (...names: string[]): string => path.join(root(), ...names);

before(async () => {
  if (salt.skip !== false) return;
  machine = await contribMachine();
  password = machine.keyward("derive", "root-password");
  env = { ...machine.env, PATH: `${path.join(contrib, "salt/bin")}:${machine.env.PATH}` };
  cpSync(path.join(contrib, "salt"), at("srv"), { recursive: true });
  for (const [name, text] of Object.entries(states())) writeFileSync(at("srv", `${name}.sls`), text);
  mkdirSync(at("pillar"));
  writeFileSync(at("pillar/top.sls"), "base: {'*': [secret]}\n");
  writeFileSync(at("pillar/secret.sls"), "secret: nothing\n");
});
after(() => machine?.remove());

/** Each puts the key into the file `got`, by a program that reads it on standard input. */
function states(): Record<string, string> {
  const state = (stdin: string, head = ""): string =>
    `${head}the key:\n  cmd.run:\n    - name: /usr/bin/tee ${at("got")}\n    - stdin: ${stdin}\n    - hide_output: True\n    - output_loglevel: quiet\n`;
  const macro = "{% from 'keyward.jinja' import gokey with context %}\n";
  return {
    macro: state("{{ gokey('root-password') }}", macro),
    typo: state("{{ gokey('root-pasword') }}", macro),
    module_slot: state("__slot__:salt:gokey.key(root-password)"),
    module_typo: state("__slot__:salt:gokey.key(root-pasword)"),
    sdb_slot: state('__slot__:salt:sdb.get("sdb://kw/root-password")'),
    slide: state("{% gokey('root-password') %}", "#!gokey|jinja|yaml\n"),
    module_jinja: state("{{ salt['gokey.key']('root-password') | yaml_dquote }}"),
    passed: state("keyward:root-password", "#!jinja|yaml|pass\n"),
    reference: state("version {{ pillar['realms'][0]['versions'][-1]['number'] }}"),
    from_pillar: state("{{ pillar['secret'] | yaml_dquote }}"),
  };
}

function configure(name: string, settings: Record<string, unknown>): string {
  const directory = at(name);
  mkdirSync(directory, { recursive: true });
  const common = {
    root_dir: directory,
    log_level: "quiet",
    log_level_logfile: "trace",
    pass_variable_prefix: "keyward:",
    pass_strict_fetch: true,
    pass_dir: "",
    pass_gnupghome: "",
    kw: { driver: "keyward" },
    file_roots: { base: [at("srv")] },
    ext_pillar: [{ cmd_json: `${at("../bin/keyward")} realm list -o json` }],
  };
  for (const kind of ["master", "minion"])
    writeFileSync(path.join(directory, kind), JSON.stringify({ ...common, ...settings }));
  return directory;
}

interface Ran {
  readonly status: number;
  readonly output: string;
}

function run(program: string, words: readonly string[]): Promise<Ran> {
  return new Promise((resolve) => {
    const options = { env, timeout: 120_000, maxBuffer: 1 << 24 };
    execFile(path.join(salt.bin ?? "", program), words, options, (error, stdout, stderr) =>
      resolve({ status: error === null ? 0 : Number(error.code) || 1, output: stdout + stderr }),
    );
  });
}

/** Every file below a directory that holds the key, in clear or as JSON or Python writes it. */
function holders(directory: string): string[] {
  const spellings = [password, JSON.stringify(password).slice(1, -1)].map((text) => Buffer.from(text));
  const word = longestWord(password);
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name))
    .filter((file) => {
      const content = readFileSync(file);
      return content.includes(word) || spellings.some((one) => content.includes(one));
    })
    .map((file) => path.basename(file))
    .sort();
}

/** A run of letters that no spelling changes. The seed of the test is fixed, so there is one of this length. */
function longestWord(text: string): string {
  const words = text.split(/[^a-z]+/).sort((a, b) => b.length - a.length);
  assert.ok((words[0] ?? "").length >= 5, "the password has no long word");
  return words[0] ?? "";
}

const got = (): string => readFileSync(at("got"), "utf8");

describe("a minion without a master:", { skip: salt.skip }, () => {
  const directory = (): string => at("alone");
  const apply = async (state: string): Promise<Ran> => {
    writeFileSync(at("srv/top.sls"), `base: {'*': [${state}]}\n`);
    rmSync(at("got"), { force: true });
    rmSync(path.join(directory(), "var"), { recursive: true, force: true });
    await run("salt-call", ["--local", "-c", directory(), "saltutil.sync_all"]);
    return await run("salt-call", ["--local", "-c", directory(), "--retcode-passthrough", "state.highstate"]);
  };
  before(() => configure("alone", { file_client: "local", id: "web1" }));

  for (const state of ["macro", "module_slot", "sdb_slot", "slide"])
    test(`${state} gives the key, and no cache and no log has it`, async () => {
      const { status, output } = await apply(state);
      assert.equal(status, 0, output);
      assert.equal(got(), password);
      assert.deepEqual(holders(directory()), []);
      assert.ok(existsSync(path.join(directory(), "var/cache/salt/minion/highstate.cache.p")));
      assert.match(readFileSync(path.join(directory(), "var/log/salt/minion"), "utf8"), /\[TRACE/);
      assert.ok(!output.includes(longestWord(password)));
    });

  for (const state of ["module_jinja", "passed"])
    test(`${state} gives the key, and leaves it in the minion's cache, as the page says`, async () => {
      const { status, output } = await apply(state);
      assert.equal(status, 0, output);
      assert.equal(got(), password);
      assert.ok(holders(directory()).includes("highstate.cache.p"));
    });

  for (const state of ["typo", "module_typo"])
    test(`${state}: the state fails, and nothing takes the key's place`, async () => {
      const { status, output } = await apply(state);
      assert.notEqual(status, 0);
      assert.match(output, /no such realm: \\?"root-pasword/);
      assert.ok(!existsSync(at("got")));
    });

  test("a pillar of references says which version is current", async () => {
    const { status, output } = await apply("reference");
    assert.equal(status, 0, output);
    assert.equal(got(), "version 2");
  });
});

describe("a master and a minion:", { skip: salt.skip }, () => {
  const running: ChildProcess[] = [];
  const start = (program: string, directory: string): void => {
    const log = openSync(path.join(directory, "console.log"), "a");
    const words = ["-c", directory];
    running.push(
      spawn(path.join(salt.bin ?? "", program), words, { env, stdio: ["ignore", log, log], detached: true }),
    );
  };
  const call = (...words: string[]): Promise<Ran> =>
    run("salt", ["-c", at("master"), "-t", "60", "web1", ...words]);
  const apply = async (state: string): Promise<Ran> => {
    writeFileSync(at("srv/top.sls"), `base: {'*': [${state}]}\n`);
    rmSync(at("got"), { force: true });
    return await call("--out", "json", "state.highstate");
  };

  before(async () => {
    if (salt.skip !== false) return;
    const [publish, answers] = [await freePort(), await freePort()];
    const address = { interface: "127.0.0.1", publish_port: publish, ret_port: answers };
    const pillar = { pillar_roots: { base: [at("pillar")] } };
    configure("master", { ...address, ...pillar, auto_accept: true, worker_threads: 2 });
    configure("minion", { id: "web1", master: "127.0.0.1", master_port: answers, publish_port: publish });
    start("salt-master", at("master"));
    start("salt-minion", at("minion"));
    const end = Date.now() + 120_000;
    for (;;) {
      const { output } = await call("test.ping");
      if (/True/.test(output)) break;
      if (Date.now() > end) throw new Error(`the minion does not answer: ${output}`);
    }
    await call("saltutil.sync_all");
  });
  after(async () => {
    for (const child of running) child.kill("SIGTERM");
    await Promise.all(running.map(ended));
  });

  test("the macro gives the minion's key, and neither master nor minion has it anywhere", async () => {
    const { status, output } = await apply("macro");
    assert.equal(status, 0, output);
    assert.equal(got(), password);
    assert.deepEqual(holders(at("master")), []);
    assert.deepEqual(holders(at("minion")), []);
    assert.ok(!output.includes(longestWord(password)));
  });

  test("a typo fails the state on the master's side too", async () => {
    const { output } = await apply("typo");
    assert.match(output, /no such realm/);
    assert.ok(!existsSync(at("got")));
  });

  test("a key in a pillar is in the master's cache and in the minion's, as the page says", async () => {
    writeFileSync(at("pillar/secret.sls"), "#!jinja|yaml|pass\nsecret: keyward:root-password\n");
    await call("saltutil.refresh_pillar", "wait=True");
    const { status, output } = await apply("from_pillar");
    assert.equal(status, 0, output);
    assert.equal(got(), password);
    assert.ok(holders(at("master")).includes("data.p"));
    assert.ok(holders(at("minion")).includes("highstate.cache.p"));
  });
});

/** Salt's processes lead a group of their own: what has not ended with its leader is ended with the group. */
async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null)
    await Promise.race([once(child, "exit"), delay(10_000, undefined, { ref: false })]);
  try {
    process.kill(-(child.pid ?? Number.NaN), "SIGKILL");
  } catch {
    // Nobody is left.
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}
