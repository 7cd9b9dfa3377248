/**
 * Salt itself: contrib/salt/ on a minion without a master and on a pair of master and minion, and where a key is
 * found afterwards: in the caches and logs of both, all files of them are searched. Pillars: salt-pillar.test.ts.
 */
import assert from "node:assert/strict";
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { type ContribMachine, contrib, contribMachine } from "../contrib/machine.ts";
import { createSalt, holders, longestWord, type Ran, type Salt, saltPeer, teeState } from "./salt.ts";

const peer = await saltPeer("salt");

let machine: ContribMachine;
/** As Salt has it when it is written out: enough of the password to be found by, without what pickling escapes. */
let password: string;
let salt: Salt;
const at = (...names: string[]): string => salt.at(...names);
const common = () => ({
  pass_variable_prefix: "keyward:",
  pass_strict_fetch: true,
  pass_dir: "",
  pass_gnupghome: "",
  kw: { driver: "keyward" },
  ext_pillar: [{ cmd_json: `${path.join(machine.directory, "bin/keyward")} realm list -o json` }],
});

before(async () => {
  if (peer.skip !== false) return;
  machine = await contribMachine();
  password = machine.keyward("derive", "root-password");
  const PATH = `${path.join(contrib, "salt/bin")}:${machine.env.PATH}`;
  salt = createSalt(peer.bin ?? "", path.join(machine.directory, "salt"), { ...machine.env, PATH });
  cpSync(path.join(contrib, "salt"), at("srv"), { recursive: true });
  for (const [name, text] of Object.entries(states())) salt.write(name, text);
  mkdirSync(at("pillar"));
  writeFileSync(at("pillar/top.sls"), "base: {'*': [secret]}\n");
  writeFileSync(at("pillar/secret.sls"), "secret: nothing\n");
});
after(() => machine?.remove());

/** Each puts the key into the file `got`, by a program that reads it on standard input. */
function states(): Record<string, string> {
  const state = (stdin: string, head = ""): string => teeState(at("got"), stdin, head);
  const macro = "{% from 'keyward.jinja' import gokey with context %}\n";
  return {
    macro: state("{{ gokey('root-password') }}", macro),
    typo: state("{{ gokey('root-pasword') }}", macro),
    module_slot: state("__slot__:salt:keyward.derive(root-password)"),
    module_typo: state("__slot__:salt:keyward.derive(root-pasword)"),
    talk_slot: state("__slot__:salt:gokey.key(root-password)"),
    sdb_slot: state('__slot__:salt:sdb.get("sdb://kw/root-password")'),
    slide: state("{% gokey('root-password') %}", "#!gokey|jinja|yaml\n"),
    module_jinja: state("{{ salt['keyward.derive']('root-password') | yaml_dquote }}"),
    passed: state("keyward:root-password", "#!jinja|yaml|pass\n"),
    reference: state("version {{ pillar['realms'][0]['versions'][-1]['number'] }}"),
    from_pillar: state("{{ pillar['secret'] | yaml_dquote }}"),
  };
}

const got = (): string => readFileSync(at("got"), "utf8");

describe("a minion without a master:", { skip: peer.skip }, () => {
  const directory = (): string => at("alone");
  const apply = async (state: string): Promise<Ran> => {
    rmSync(at("got"), { force: true });
    return await salt.applyAlone("alone", state);
  };
  before(() => {
    if (peer.skip === false) salt.configure("alone", { ...common(), file_client: "local", id: "web1" });
  });

  for (const state of ["macro", "module_slot", "talk_slot", "sdb_slot", "slide"])
    test(`${state} gives the key, and no cache and no log has it`, async () => {
      const { status, output } = await apply(state);
      assert.equal(status, 0, output);
      assert.equal(got(), password);
      assert.deepEqual(holders(directory(), password), []);
      assert.ok(existsSync(path.join(directory(), "var/cache/salt/minion/highstate.cache.p")));
      assert.match(readFileSync(path.join(directory(), "var/log/salt/minion"), "utf8"), /\[TRACE/);
      assert.ok(!output.includes(longestWord(password)));
    });

  for (const state of ["module_jinja", "passed"])
    test(`${state} gives the key, and leaves it in the minion's cache, as the page says`, async () => {
      const { status, output } = await apply(state);
      assert.equal(status, 0, output);
      assert.equal(got(), password);
      assert.ok(holders(directory(), password).includes("highstate.cache.p"));
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

describe("a master and a minion:", { skip: peer.skip }, () => {
  const apply = async (state: string): Promise<Ran> => {
    rmSync(at("got"), { force: true });
    return await salt.applyByMaster(state);
  };

  before(async () => {
    if (peer.skip !== false) return;
    const pillar_roots = { base: [at("pillar")] };
    await salt.startPair({ master: { ...common(), pillar_roots }, minion: common() });
  });
  after(() => salt?.stop());

  test("the macro gives the minion's key, and neither master nor minion has it anywhere", async () => {
    const { status, output } = await apply("macro");
    assert.equal(status, 0, output);
    assert.equal(got(), password);
    assert.deepEqual(holders(at("master"), password), []);
    assert.deepEqual(holders(at("minion"), password), []);
    assert.ok(!output.includes(longestWord(password)));
  });

  test("a typo fails the state on the master's side too", async () => {
    const { output } = await apply("typo");
    assert.match(output, /no such realm/);
    assert.ok(!existsSync(at("got")));
  });

  test("the article's pillar: by reference the key is nowhere; a password in it is left unread, and on the master", async () => {
    const volume = "dev_name: /dev/vdb, vg_name: vgdata, mountpoint: /srv/data, services: [mongod]";
    const applied = async (head: string, more: string): Promise<void> => {
      writeFileSync(at("pillar/secret.sls"), `${head}luks: {data: {${volume}${more}}}\n`);
      await salt.call("saltutil.refresh_pillar", "wait=True");
      const { output } = await apply("disk");
      // This host is no node of a server: what requires the volume is not reached.
      assert.match(output, /has not enrolled|is no node of a server/);
      assert.match(output, /One or more requisite failed: disk.data is mounted/);
    };
    await applied("", "");
    assert.deepEqual(holders(at("master"), password), []);
    assert.deepEqual(holders(at("minion"), password), []);
    await applied("#!jinja|yaml|pass\n", ", password: 'keyward:root-password'");
    assert.ok(holders(at("master"), password).includes("data.p"));
    assert.ok(!holders(at("minion"), password).includes("highstate.cache.p"));
  });

  test("a key in a pillar is in the master's cache and in the minion's, as the page says", async () => {
    writeFileSync(at("pillar/secret.sls"), "#!jinja|yaml|pass\nsecret: keyward:root-password\n");
    await salt.call("saltutil.refresh_pillar", "wait=True");
    const { status, output } = await apply("from_pillar");
    assert.equal(status, 0, output);
    assert.equal(got(), password);
    assert.ok(holders(at("master"), password).includes("data.p"));
    assert.ok(holders(at("minion"), password).includes("highstate.cache.p"));
  });
});
