import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { KeywardError } from "../../src/base/errors.ts";
import { type } from "./world.ts";

const written = { name: "db/orders/password", version: 3 };
const value = { ...written, value: Buffer.from("s3cret\n").toString("base64") };

test("a value goes from stdin to the server as it is, byte for byte", async () => {
  const bytes = Uint8Array.from([0, 255, 10, 13, 10]);
  const { status, stdout, calls } = await type(["key", "put", "db/orders/password"], {
    stdin: bytes,
    answers: { "key.put": written },
  });
  assert.equal(status, 0);
  assert.equal(stdout, "stored db/orders/password version 3\n");
  assert.deepEqual(calls[0], {
    operation: "key.put",
    request: { path: { name: "db/orders/password" }, body: { value: Buffer.from(bytes).toString("base64") } },
  });
});

test("--chomp leaves out one line break", async () => {
  const { calls } = await type(["key", "put", "a", "--chomp"], {
    stdin: "x\n\n",
    answers: { "key.put": written },
  });
  assert.deepEqual(calls[0]?.request.body, {
    value: Buffer.from("x\n").toString("base64"),
  });
});

test("a value is never taken from an argument, and is not repeated in the refusal", async () => {
  const { status, stderr, calls } = await type(["key", "put", "db/orders/password", "hunter2"]);
  assert.equal(status, 1);
  assert.match(stderr, /a value is never an argument/);
  assert.doesNotMatch(stderr, /hunter2/);
  assert.deepEqual(calls, []);
});

test("at a terminal the value is asked for twice", async () => {
  const answers = { "key.put": written };
  const same = await type(["key", "put", "a"], { terminal: true, typed: ["x1", "x1"], answers });
  assert.equal(same.status, 0);
  const other = await type(["key", "put", "a"], { terminal: true, typed: ["x1", "x2"], answers });
  assert.equal(other.status, 1);
  assert.match(other.stderr, /the two values differ/);
});

test("an empty value and one over 1 MiB are refused before anything is sent", async () => {
  const empty = await type(["key", "put", "a"], {});
  assert.match(empty.stderr, /the value is empty/);
  const large = await type(["key", "put", "a"], { stdin: new Uint8Array(1_048_577) });
  assert.match(large.stderr, /more than 1048576 bytes/);
  assert.deepEqual([...empty.calls, ...large.calls], []);
});

test("a value reaches a pipe as it is", async () => {
  const { stdout, stderr } = await type(["key", "get", "a"], { answers: { "key.get": value } });
  assert.equal(stdout, "s3cret\n");
  assert.equal(stderr, "");
});

test("a terminal shows a value only with --reveal", async () => {
  const answers = { "key.get": value };
  for (const form of ["table", "json"]) {
    const masked = await type(["key", "get", "a", "-o", form], { terminal: true, answers });
    assert.doesNotMatch(masked.stdout, /s3cret|czNjcmV0/);
    assert.match(masked.stdout, /\[secret, 7 bytes\]/);
  }
  const shown = await type(["key", "get", "a", "--reveal"], { terminal: true, answers });
  assert.equal(shown.stdout, "s3cret\n");
});

test("a value cannot move the terminal's cursor", async () => {
  const hostile = { ...written, value: Buffer.from("\u001b]0;x\u0007").toString("base64") };
  const { stdout } = await type(["key", "get", "a", "--reveal"], {
    terminal: true,
    answers: { "key.get": hostile },
  });
  assert.equal(stdout, "\\u001b]0;x\\u0007\n");
});

test("--out writes a new file for its owner only, and never over another", async () => {
  const cwd = mkdtempSync(path.join(tmpdir(), "keyward-cli-"));
  const answers = { "key.get": value };
  const first = await type(["key", "get", "a", "--out", "a.key"], { cwd, answers });
  assert.equal(first.status, 0);
  assert.equal(readFileSync(path.join(cwd, "a.key"), "utf8"), "s3cret\n");
  assert.equal(statSync(path.join(cwd, "a.key")).mode & 0o777, 0o600);
  const again = await type(["key", "get", "a", "--out", "a.key"], { cwd, answers });
  assert.equal(again.status, 6);
});

test("--dry-run is sent on, and the answer says would", async () => {
  const { stdout, calls } = await type(["key", "put", "a", "--dry-run"], {
    stdin: "x",
    answers: { "key.put": written },
  });
  assert.match(stdout, /would be stored/);
  assert.equal(calls[0]?.request.dryRun, true);
});

test("what is run after a change follows --, flags and all", async () => {
  const grant = { id: "g1", key: "a", query: "role:api", delivery: {}, created: 0, by: "operator:x" };
  const answers = { "grant.add": { grant, effect: [] } };
  const after = await type(
    ["grant", "add", "a", "--to", "role:api", "--", "systemctl", "reload", "--no-block", "api"],
    { answers },
  );
  const flags = await type(
    [
      "grant",
      "add",
      "a",
      "--to",
      "role:api",
      "--run",
      "systemctl",
      "--run",
      "reload",
      "--run=--no-block",
      "--run",
      "api",
    ],
    { answers },
  );
  const sent = (printed: typeof after): unknown => printed.calls[0]?.request.body?.delivery;
  assert.deepEqual(sent(after), {
    kind: "file",
    path: "a",
    mode: 0o400,
    run: ["systemctl", "reload", "--no-block", "api"],
    offline: "never",
  });
  assert.deepEqual(sent(flags), sent(after));
  const both = await type(["grant", "add", "a", "--to", "x:y", "--run", "a", "--", "b"], { answers });
  assert.equal(both.status, 1);
});

test("a plan with lines ends with 8, an empty one with 0", async () => {
  const line = {
    change: "gain",
    node: "db1",
    key: "a",
    path: "/run/a",
    reason: "role:api",
    version: 1,
    grant: "g",
  };
  const pending = await type(["plan"], {
    answers: { "plan.show": { revision: 1, lines: [line], warnings: [] } },
  });
  assert.equal(pending.status, 8);
  assert.match(pending.stdout, /^\+ gain {2}db1 /m);
  const none = await type(["plan"], { answers: { "plan.show": { revision: 1, lines: [], warnings: [] } } });
  assert.equal(none.status, 0);
});

test("why shows the terms, each below what it belongs to", async () => {
  const leaf = (term: string, matched: boolean, because: string) => ({ matched, term, because, parts: [] });
  const explanation = {
    matched: false,
    term: "AND",
    because: "",
    parts: [leaf("role:api", true, "role:api, set"), leaf("env:prod", false, "env:stage, set")],
  };
  const grant = { id: "g1", key: "a", query: "role:api AND env:prod", delivery: {}, created: 0, by: "x" };
  const { stdout } = await type(["why", "db1", "a"], {
    answers: {
      "plan.why": { has: false, summary: "db1 has no grant of a", grants: [{ grant, explanation }] },
    },
  });
  assert.equal(
    stdout,
    [
      "db1 has no grant of a",
      "",
      "grant g1: role:api AND env:prod",
      "  no   AND",
      "    yes  role:api  role:api, set",
      "    no   env:prod  env:stage, set",
      "",
    ].join("\n"),
  );
});

test("every page of a long list is read", async () => {
  const key = (name: string) => ({ name, origin: { kind: "stored" }, created: 0, retire: 0, versions: [] });
  const pages = [
    { keys: [key("a"), key("b")], more: true },
    { keys: [key("c")], more: false },
  ];
  const { stdout, calls } = await type(["key", "list", "-o", "name"], {
    answers: { "key.list": () => pages.shift() },
  });
  assert.equal(stdout, "a\nb\nc\n");
  assert.deepEqual(calls[1]?.request.query, { limit: "1000", after: "b" });
});

test("attributes are texts, JSON values or removals", async () => {
  const node = {
    name: "db1",
    state: "active",
    created: 0,
    attributes: { set: {}, attested: {}, inventory: {}, reported: {} },
    connected: false,
  };
  const { calls } = await type(["node", "set", "db1", "env=prod", "app.port:=8080", "legacy-"], {
    answers: { "node.set": { node, effect: [] } },
  });
  assert.deepEqual(calls[0]?.request.body, {
    attributes: { env: "prod", "app.port": 8080, legacy: null },
  });
});

test("errors end with their exit status, and -o json has them too", async () => {
  const denied = new KeywardError("denied", "operator:x: key:read is not allowed", {
    hint: "ask for a rule",
  });
  const text = await type(["key", "get", "a"], { answers: { "key.get": denied } });
  assert.equal(text.status, 4);
  assert.equal(text.stderr, "keyward: operator:x: key:read is not allowed\n  hint: ask for a rule\n");
  const json = await type(["key", "get", "a", "-o", "json"], { answers: { "key.get": denied } });
  assert.deepEqual(JSON.parse(json.stderr), {
    error: { code: "denied", message: "operator:x: key:read is not allowed", hint: "ask for a rule" },
  });
});

test("a fault of the program shows no message of unknown origin", async () => {
  const fault = new TypeError("cannot read s3cret");
  const { status, stderr } = await type(["key", "get", "a"], {
    answers: { "key.get": fault },
    env: { KEYWARD_DEBUG: "1" },
  });
  assert.equal(status, 2);
  assert.doesNotMatch(stderr, /s3cret/);
  assert.match(stderr, /at .*commands\.test\.ts/);
});

test("mistyped acts, flags and choices are told what was meant", async () => {
  assert.match((await type(["key", "gte", "a"])).stderr, /did you mean: keyward key get\?/);
  assert.match((await type(["key", "get", "a", "--revael"])).stderr, /did you mean --reveal\?/);
  assert.match((await type(["key", "get", "a", "-o", "jsn"])).stderr, /did you mean json\?/);
  assert.match((await type(["key", "get"])).stderr, /NAME is missing/);
  assert.match((await type(["rule", "add", "r", "key:raed"])).stderr, /did you mean key:read\?/);
});

test("a flag given twice, and one that does nothing, are refused", async () => {
  assert.match((await type(["key", "get", "a", "--version", "1", "--version", "2"])).stderr, /given twice/);
  const stray = await type(["key", "generate", "a", "--kind", "disk", "--length", "9"]);
  assert.match(stray.stderr, /--length does not go with --kind disk/);
});

test("KEYWARD_FORMAT is the form of answers, and -o goes before it", async () => {
  const answers = { "access.whoami": { principal: "operator:alice", rules: [] } };
  const env = { KEYWARD_FORMAT: "name" };
  const options = { answers, env, cwd: "/nowhere" };
  assert.equal((await type(["whoami"], options)).stdout, "operator:alice\n");
  assert.deepEqual(
    JSON.parse((await type(["whoami", "-o", "json"], options)).stdout),
    answers["access.whoami"],
  );
});

test("styles are for terminals only, and NO_COLOR turns them off", async () => {
  const answers = { "seal.list": { state: "unsealed", seals: [] } };
  const styled = await type(["seal", "list"], { terminal: true, answers });
  assert.match(styled.stdout, /\u001b\[32munsealed/);
  const plain = await type(["seal", "list"], { terminal: true, answers, env: { NO_COLOR: "1" } });
  const piped = await type(["seal", "list"], { answers });
  assert.equal(plain.stdout, piped.stdout);
  assert.doesNotMatch(piped.stdout, /\u001b/);
});

test("names from outside cannot disturb the terminal", async () => {
  const token = { id: "t1", name: "evil\u001b[2J\u202e", rules: [], created: 0, expires: 0, by: "x" };
  for (const form of ["table", "json"]) {
    const { stdout } = await type(["token", "list", "-o", form], {
      terminal: true,
      answers: { "token.list": { tokens: [token] } },
    });
    assert.doesNotMatch(stdout, /\u001b\[2J|\u202e/);
    assert.match(stdout, /evil\\u001b\[2J\\u202e/);
  }
});

test("a pillar goes to a pipe as JSON, and to a terminal as a table without values", async () => {
  const keys = { "db/password": { version: 2, paths: ["password"], value: "s3cret" } };
  const data = { key: "disk/db1", version: 1, dev_name: "/dev/vdb", services: [] };
  const pillar = { keyward: { node: "db1", keys }, luks: { data } };
  const answers = { "pillar.show": pillar };
  const piped = await type(["pillar", "--values", "--", "db1"], { answers });
  assert.deepEqual(JSON.parse(piped.stdout), pillar);
  assert.equal(piped.stderr, "");
  assert.deepEqual(piped.calls[0]?.request, { path: { node: "db1" }, query: { values: "true" } });
  const shown = await type(["pillar", "db1"], { answers, terminal: true });
  assert.match(shown.stdout, /^db\/password +2 +password\ndisk\/db1 +1 +opens data$/m);
  assert.doesNotMatch(shown.stdout, /s3cret/);
  assert.deepEqual(shown.calls[0]?.request.query, {});
});

test("a broken audit log ends with 7", async () => {
  const answer = { events: 3, intact: false, signed: 0, problems: [{ seq: 2, what: "was edited" }] };
  const { status, stdout } = await type(["audit", "verify"], { answers: { "audit.verify": answer } });
  assert.equal(status, 7);
  assert.match(stdout, /^2 +was edited$/m);
});

test("a sealed server ends status with 2", async () => {
  const answer = {
    Status: "OK",
    state: "sealed",
    version: "0.1.0",
    revision: 1,
    nodes: 0,
    connected: 0,
    started: 0,
  };
  assert.equal((await type(["status"], { answers: { "server.status": answer } })).status, 2);
});
