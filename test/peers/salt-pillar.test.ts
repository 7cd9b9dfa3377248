/**
 * Salt itself with a real server: external pillars by `http_json` and `cmd_json`, and SDB by Salt's own `rest` driver,
 * each by the grants of the minion's node; and who has the key afterwards: with references nobody, with values both
 * master and minion.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { after, before, beforeEach, describe, test } from "node:test";
import { promisify } from "node:util";
import type { Api } from "../../src/api/api.ts";
import type { DurationMs } from "../../src/base/time.ts";
import { me, startTestServer, type TestServer } from "../../src/server/server-for-test.ts";
import { type ContribMachine, contribMachine } from "../contrib/machine.ts";
import { createSalt, holders, longestWord, type Ran, type Salt, saltPeer, teeState } from "./salt.ts";

const peer = await saltPeer("salt-pillar");

let machine: ContribMachine;
let server: TestServer;
let admin: Api;
let password: string;
let salt: Salt;
const at = (...names: string[]): string => salt.at(...names);

before(async () => {
  if (peer.skip !== false) return;
  machine = await contribMachine();
  password = machine.keyward("derive", "root-password");
  salt = createSalt(peer.bin ?? "", path.join(machine.directory, "salt"), machine.env);
  server = await startTestServer();
  admin = await server.operator("admin");
  const value = Buffer.from(password).toString("base64");
  await admin.call("key.put", { path: { name: "db/password" }, body: { value } });
  await server.enrol("web1", { role: "db" });
  await server.enrol("web2", { role: "other" });
  const delivery = { kind: "file", path: "db.password", mode: 0o400, offline: "never" } as const;
  await admin.call("grant.add", { body: { key: "db/password", query: "role:db", delivery } });
  writeFileSync(at("ca.pem"), server.ca.join("\n"));
  for (const [name, text] of Object.entries(states())) salt.write(name, text);
});
after(async () => {
  await server?.stop();
  machine?.remove();
});
beforeEach(() => {
  if (peer.skip === false) rmSync(at("got"), { force: true });
});

function states(): Record<string, string> {
  const state = (stdin: string): string => teeState(at("got"), stdin);
  return {
    reference: state(
      "{{ pillar['keyward']['keys']['db/password']['version'] }} at {{ pillar['keyward']['keys']['db/password']['paths'][0] }}",
    ),
    from_pillar: state("{{ pillar['keyward']['keys']['db/password']['value'] | yaml_dquote }}"),
    sdb_slot: state('__slot__:salt:sdb.get("sdb://kw/text?name=db/password")'),
    sdb_jinja: state("{{ salt['sdb.get']('sdb://kw/text?name=db/password') | yaml_dquote }}"),
  };
}

/** A token that has these rights, in a file. */
async function tokenFile(name: string, ...allow: [action: "node:read" | "key:read", prefix: string][]) {
  const rule = { allow: allow.map(([action, prefix]) => ({ actions: [action], prefix })) };
  await admin.call("rule.put", { path: { name }, body: rule });
  const ttl = 3_600_000 as DurationMs;
  const { token } = await server.parts.access.createToken(me, { name, rules: [name], ttl });
  writeFileSync(at(`${name}.token`), token, { mode: 0o600 });
  return { file: at(`${name}.token`), token };
}

const byHttp = (token: string, query = ""): object => ({
  http_json: {
    url: `${server.address}/v1/pillar/%s${query}`,
    header_dict: { Authorization: `Bearer ${token}` },
  },
});
const byCommand = (file: string, flags = ""): object => ({
  cmd_json: `${machine.directory}/bin/keyward pillar ${flags} --addr ${server.address} --cacert ${at("ca.pem")} --token-file ${file} -- %s`,
});
const got = (): string => readFileSync(at("got"), "utf8");

describe("a minion without a master:", { skip: peer.skip }, () => {
  const configure = (pillar: object[], more = {}): string =>
    salt.configure("alone", {
      ...{ file_client: "local", id: "web1", ca_bundle: at("ca.pem"), ext_pillar: pillar },
      ...more,
    });
  const has = (): string[] => holders(at("alone"), password);
  const refused = ({ status, output }: Ran, words: RegExp): void => {
    assert.notEqual(status, 0, output);
    assert.match(output, words);
    assert.ok(!existsSync(at("got")));
  };

  for (const way of ["http_json", "cmd_json"])
    test(`${way}: references by the node's grants, and the key is nowhere`, async () => {
      const { file, token } = await tokenFile("looks", ["node:read", "web1"]);
      configure([way === "http_json" ? byHttp(token) : byCommand(file)]);
      const { status, output } = await salt.applyAlone("alone", "reference");
      assert.equal(status, 0, output);
      assert.equal(got(), "1 at db.password");
      assert.deepEqual(has(), []);
    });

  for (const way of ["http_json", "cmd_json"])
    test(`${way}: with values the key is in the minion's cache, as the page says`, async () => {
      const { file, token } = await tokenFile("reads", ["node:read", ""], ["key:read", "db/"]);
      configure([way === "http_json" ? byHttp(token, "?values=true") : byCommand(file, "--values")]);
      const { status, output } = await salt.applyAlone("alone", "from_pillar");
      assert.equal(status, 0, output);
      assert.equal(got(), password);
      assert.ok(has().includes("highstate.cache.p"));
    });

  for (const way of ["http_json", "cmd_json"])
    test(`${way}: another minion gets what its own node is granted: nothing`, async () => {
      const { file, token } = await tokenFile("reads", ["node:read", ""], ["key:read", "db/"]);
      const pillar = way === "http_json" ? byHttp(token, "?values=true") : byCommand(file, "--values");
      configure([pillar], { id: "web2" });
      refused(await salt.applyAlone("alone", "from_pillar"), /no attribute 'db\/password'/);
      assert.deepEqual(has(), []);
    });

  for (const way of ["http_json", "cmd_json"])
    test(`${way}: whoever may not read a key has no pillar, and states that index it fail`, async () => {
      const { file, token } = await tokenFile("looks", ["node:read", "web1"]);
      configure([way === "http_json" ? byHttp(token, "?values=true") : byCommand(file, "--values")]);
      refused(await salt.applyAlone("alone", "from_pillar"), /no attribute 'keyward'/);
    });

  test("cmd_json: by its own node's identity it has its references without a token, and nobody else's", async () => {
    const attributes = { role: "db" };
    const { token } = await admin.call("joinToken.create", { body: { node: "web3", attributes } });
    writeFileSync(at("web3.join"), token, { mode: 0o600 });
    const own = ["--name", "web3", "--state", at("web3.state"), "--directory", at("web3.keys")];
    const joining = ["--join-token-file", at("web3.join"), "--cacert", at("ca.pem")];
    const words = ["agent", "--once", "--no-disks", "--server", server.address, ...own, ...joining];
    await promisify(execFile)(`${machine.directory}/bin/keyward`, words, { env: machine.env });
    assert.equal(readFileSync(at("web3.keys/db.password"), "utf8"), password);
    const pillar = {
      cmd_json: `${machine.directory}/bin/keyward pillar --own --state ${at("web3.state")} -- %s`,
    };
    configure([pillar], { id: "web3" });
    const { status, output } = await salt.applyAlone("alone", "reference");
    assert.equal(status, 0, output);
    assert.equal(got(), "1 at db.password");
    assert.deepEqual(has(), []);

    rmSync(at("got"));
    configure([pillar], { id: "web1" });
    refused(await salt.applyAlone("alone", "reference"), /no attribute 'keyward'/);
    configure([pillar], { id: "web3" });
    await admin.call("node.freeze", { path: { name: "web3" }, body: {} });
    refused(await salt.applyAlone("alone", "reference"), /no attribute 'keyward'/);
  });

  test("an id that is no node's name reaches neither another node nor a flag", async () => {
    const { file, token } = await tokenFile("reads", ["node:read", ""], ["key:read", "db/"]);
    for (const pillar of [byCommand(file), byHttp(token)])
      for (const id of ["web2 --values web1", "web1 --values", "web1?values=true", "--values", "web2;id"]) {
        configure([pillar], { id });
        const { output } = await salt.run("salt-call", "--local", "-c", at("alone"), "pillar.items");
        assert.doesNotMatch(output, /db\/password:|uid=/, id);
        assert.deepEqual(has(), [], id);
      }
  });

  test("a server that is away: the states fail, and go on when it is back", async () => {
    const { token } = await tokenFile("looks", ["node:read", "web1"]);
    const nobody = server.address.replace(/\d+$/, "1");
    configure([{ http_json: { url: `${nobody}/v1/pillar/%s` } }]);
    refused(await salt.applyAlone("alone", "reference"), /no attribute 'keyward'/);
    configure([byHttp(token)]);
    assert.equal((await salt.applyAlone("alone", "reference")).status, 0);
  });

  test("a frozen node has no pillar, and a thawed one has it again", async () => {
    const { token } = await tokenFile("looks", ["node:read", "web1"]);
    configure([byHttp(token)]);
    await admin.call("node.freeze", { path: { name: "web1" }, body: {} });
    refused(await salt.applyAlone("alone", "reference"), /no attribute 'keyward'/);
    await admin.call("node.thaw", { path: { name: "web1" } });
    assert.equal((await salt.applyAlone("alone", "reference")).status, 0);
  });

  const sdb = (token: string): object => ({
    kw: {
      driver: "rest",
      text: {
        url: `${server.address}/v1/texts/{{ name }}`,
        header_dict: { Authorization: `Bearer ${token}` },
        ca_bundle: at("ca.pem"),
      },
    },
  });

  test("SDB's own rest driver in a slot gives the key, and it is nowhere but in a log of level trace, as the page says", async () => {
    const { token } = await tokenFile("one", ["key:read", "db/password"]);
    for (const [level, holding] of [
      ["debug", []],
      ["trace", ["minion"]],
    ] as const) {
      configure([], { ...sdb(token), log_level_logfile: level });
      const { status, output } = await salt.applyAlone("alone", "sdb_slot");
      assert.equal(status, 0, output);
      assert.equal(got(), password);
      assert.deepEqual(has(), holding);
      assert.ok(!output.includes(longestWord(password)));
    }
  });

  test("SDB's own rest driver in Jinja leaves it in the minion's cache, as the page says", async () => {
    const { token } = await tokenFile("one", ["key:read", "db/password"]);
    configure([], sdb(token));
    const { status, output } = await salt.applyAlone("alone", "sdb_jinja");
    assert.equal(status, 0, output);
    assert.equal(got(), password);
    assert.ok(has().includes("highstate.cache.p"));
  });

  test("SDB without the right to read fails the state, and nothing takes the key's place", async () => {
    const { token } = await tokenFile("none", ["key:read", "web/"]);
    configure([], sdb(token));
    refused(await salt.applyAlone("alone", "sdb_slot"), /dict|fail/i);
  });
});

describe("a master and a minion:", { skip: peer.skip }, () => {
  before(async () => {
    if (peer.skip !== false) return;
    const { file, token } = await tokenFile("master", ["node:read", ""]);
    const ext_pillar = [byHttp(token), { http_json: { ...valuesOf(token), namespace: "clear" } }];
    await salt.startPair({ master: { ca_bundle: at("ca.pem"), ext_pillar }, minion: {} });
    assert.ok(existsSync(file));
  });
  after(() => salt?.stop());
  const valuesOf = (token: string): object =>
    (byHttp(token, "?values=true") as { http_json: object }).http_json;

  test("references come from the master, and neither it nor the minion has the key anywhere", async () => {
    const { output, status } = await salt.applyByMaster("reference");
    assert.equal(status, 0, output);
    assert.equal(got(), "1 at db.password");
    assert.deepEqual(holders(at("master"), password), []);
    assert.deepEqual(holders(at("minion"), password), []);
  });

  test("with values, once its rule lets it, the key is in the master's cache and the minion's", async () => {
    await tokenFile("master", ["node:read", ""], ["key:read", "db/"]);
    salt.write(
      "from_pillar",
      states().from_pillar?.replaceAll("pillar['keyward']", "pillar['clear']['keyward']") ?? "",
    );
    await salt.call("saltutil.refresh_pillar", "wait=True");
    const { output, status } = await salt.applyByMaster("from_pillar");
    assert.equal(status, 0, output);
    assert.equal(got(), password);
    assert.ok(holders(at("master"), password).includes("data.p"));
    assert.ok(holders(at("minion"), password).includes("highstate.cache.p"));
  });
});
