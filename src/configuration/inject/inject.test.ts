import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { parse, parseAllDocuments } from "yaml";
import { type Printed, type } from "../../../test/cli/world.ts";
import { load, pairs } from "../../../test/vectors/secretary/load.ts";
import { toBase64 } from "../../base/bytes.ts";
import { envelopeHash } from "../../formats/secretary/allowed.ts";
import { parsePrivateKey, publicKeyOf } from "../../formats/secretary/keys.ts";

const url = "https://secretary.example:5070";
const master = pairs.find(({ name }) => name === "master") ?? assert.fail();
const E = load("key-lookup").envelope as string;
const env = { SECRETARY_URL: url, MASTER_PUBLIC_KEY: master.publicKey_b64 };

const inject = (document: string, ...flags: string[]): Promise<Printed> =>
  type(["inject", ...flags], { stdin: document, env });

async function injected(document: string, ...flags: string[]): Promise<string> {
  const { status, stdout, stderr } = await inject(document, ...flags);
  assert.equal(status, 0, stderr);
  return stdout;
}

function assertPair(privateText: string, publicText: string): void {
  assert.match(privateText, /^[A-Za-z0-9+/]{43}=$/);
  assert.equal(toBase64(publicKeyOf(parsePrivateKey(privateText, "x"))), publicText);
}

interface Case {
  readonly name: string;
  readonly document: {
    readonly secretary?: { readonly url?: string; readonly master?: { readonly publickey?: string } };
  };
  readonly config: object;
  readonly injected?: boolean;
  readonly resultEnv?: Record<string, string> | null;
  readonly error?: string;
}

const keyNames = ["DEPLOY_PRIVATE_KEY", "DEPLOY_PUBLIC_KEY"];

for (const one of load("inject-lighter").cases as readonly Case[]) {
  test(`as Lighter: ${one.name}`, async () => {
    const cwd = mkdtempSync(path.join(tmpdir(), "keyward-inject-"));
    writeFileSync(path.join(cwd, "master-public-key.pem"), master.publicPem);
    const { url: address, master: key } = one.document.secretary ?? {};
    const flags = [
      ...(address === undefined ? [] : ["-s", address]),
      ...(key?.publickey === undefined ? [] : ["--master-key", key.publickey]),
    ];
    const { status, stdout, stderr } = await type(["inject", ...flags], {
      stdin: JSON.stringify(one.config),
      cwd,
    });
    // Lighter passes over what it has no daemon for; ours does not let it be deployed so.
    if (/^no-url|^no-secretary/.test(one.name)) {
      assert.equal(status, 1);
      return assert.match(stderr, /--secretary-url is missing/);
    }
    // Lighter's own step wants text; before it, numbers are made text.
    if (one.error !== undefined && one.name !== "non-string-value") {
      assert.equal(status, 1);
      return assert.match(stderr, /no shell can hold its name/);
    }
    assert.equal(status, 0, stderr);
    const { env: result = null } = JSON.parse(stdout);
    if (one.name === "non-string-value")
      return assertPair(result.DEPLOY_PRIVATE_KEY, result.DEPLOY_PUBLIC_KEY);
    const without = (all: Record<string, string> | null | undefined) =>
      all && Object.fromEntries(Object.entries(all).filter(([name]) => !keyNames.includes(name)));
    assert.deepEqual(without(result), without(one.resultEnv));
    if (one.injected === true) assertPair(result.DEPLOY_PRIVATE_KEY, result.DEPLOY_PUBLIC_KEY);
    else assert.equal(stdout, JSON.stringify(one.config));
  });
}

test("a Marathon group's apps have a key each, in JSON that keeps its layout", async () => {
  const app = (id: string, value: string): string => `{
      "id": "${id}",
      "env": {
        "PW": "${value}"
      },
      "labels": {},
      "instances": 2
    }`;
  const group = `{\n  "id": "/shop",\n  "apps": [\n    ${app("a", E)},\n    ${app("b", "plain")}\n  ],\n  "groups": [{"id": "g", "apps": [${app("c", E)}]}]\n}\n`;
  const text = await injected(group);
  const { apps, groups } = JSON.parse(text);
  assertPair(apps[0].env.DEPLOY_PRIVATE_KEY, apps[0].env.DEPLOY_PUBLIC_KEY);
  assert.deepEqual(Object.keys(apps[1].env), ["PW"]);
  assert.notEqual(groups[0].apps[0].env.DEPLOY_PRIVATE_KEY, apps[0].env.DEPLOY_PRIVATE_KEY);
  assert.match(text, new RegExp(`\n {8}"PW": "ENC[^\n]*",\n {8}"SECRETARY_URL": "${url}",\n`));
  assert.match(text, /"labels": \{"keyward.inject-checksum": "[A-Za-z0-9_-]{43}"\},\n {6}"instances": 2/);
});

test("a Metronome job has the private half in run.env, and in its labels the public one and what may be opened", async () => {
  const job = { id: "nightly", run: { cmd: "x", env: { PW: E, TWO: `${E}-${E}`, X: "1" } } };
  const { run, labels } = JSON.parse(await injected(JSON.stringify(job, null, 2)));
  assertPair(run.env.DEPLOY_PRIVATE_KEY, labels.DEPLOY_PUBLIC_KEY);
  assert.equal(run.env.DEPLOY_PUBLIC_KEY, undefined);
  assert.equal(run.env.SECRETARY_URL, url);
  assert.equal(labels.ALLOWED_SECRETS_VARS, "PW,TWO");
  assert.equal(labels.ALLOWED_SECRETS_HASHES, `PW=${envelopeHash(E)},TWO=${envelopeHash(E)}`);
  assert.doesNotMatch(JSON.stringify(labels), /PRIVATE/);
});

test("a Mesos TaskInfo has them as variables and labels", async () => {
  const task = (labels: object) => ({
    name: "t",
    task_id: { value: "t.1" },
    command: { value: "x", environment: { variables: [{ name: "PW", value: E }] } },
    ...labels,
  });
  for (const labels of [{}, { labels: { labels: [{ key: "own", value: "kept" }] } }]) {
    const out = JSON.parse(await injected(JSON.stringify(task(labels))));
    const read = (all: { name?: string; key?: string; value: string }[]) =>
      Object.fromEntries(all.map(({ name, key, value }) => [name ?? key, value]));
    const variables = read(out.command.environment.variables);
    const given = read(out.labels.labels);
    assertPair(variables.DEPLOY_PRIVATE_KEY ?? "", given.DEPLOY_PUBLIC_KEY ?? "");
    assert.equal(given.ALLOWED_SECRETS_HASHES, `PW=${envelopeHash(E)}`);
    if ("labels" in labels) assert.equal(given.own, "kept");
  }
});

const compose = `# the shop
services:
  web:            # public
    image: web
    environment:
      PW: ${E}  # sealed
      URL: "amqp://u:${E}@h"

  worker:
    environment:
      - PW=${E}
      - PLAIN=1
    labels: [ "own=kept" ]
  idle:
    environment:
      X: 1
`;

test("docker compose: maps and lists, comments and blank lines as they were", async () => {
  const text = await injected(compose);
  for (const line of compose.split("\n").filter((one) => !one.includes("labels:")))
    assert.ok(text.includes(`${line}\n`), line);
  const { services } = parse(text);
  assertPair(services.web.environment.DEPLOY_PRIVATE_KEY, services.web.environment.DEPLOY_PUBLIC_KEY);
  const list = Object.fromEntries(
    services.worker.environment.map((one: string) => /^([^=]+)=(.*)$/.exec(one)?.slice(1)),
  );
  assertPair(list.DEPLOY_PRIVATE_KEY, list.DEPLOY_PUBLIC_KEY);
  assert.equal(services.worker.labels.length, 2);
  assert.deepEqual(services.idle, { environment: { X: 1 } });
  assert.match(text, /@h"\n {6}SECRETARY_URL: "https:[^\n]*\n {6}MASTER_PUBLIC_KEY/);
});

const kubernetes = `apiVersion: apps/v1
kind: Deployment
metadata: {name: shop}
spec:
  template:
    spec:
      containers:
      - name: web
        env:
        # a secret
        - name: PW
          value: ${E}
        - name: OTHER
          valueFrom: {secretKeyRef: {name: s, key: k}}
      - name: side
        env: []
---
apiVersion: v1
kind: Service
metadata:
  name: shop
---
apiVersion: v1
kind: Pod
metadata:
  name: p
spec:
  containers:
    - {name: a, env: [{name: PW, value: "${E}"}]}`;

test("Kubernetes: containers' variables, several documents, a key for each pod", async () => {
  const text = await injected(kubernetes);
  const [deployment, service, pod] = parseAllDocuments(text).map((one) => one.toJS());
  const read = (all: { name: string; value: string }[]) =>
    Object.fromEntries(all.map(({ name, value }) => [name, value]));
  const [web, side] = deployment.spec.template.spec.containers;
  const given = read(web.env);
  assertPair(given.DEPLOY_PRIVATE_KEY ?? "", given.DEPLOY_PUBLIC_KEY ?? "");
  assert.deepEqual(side.env, []);
  assert.match(deployment.metadata.annotations["keyward/inject-checksum"], /^[A-Za-z0-9_-]{43}$/);
  assert.deepEqual(service.metadata, { name: "shop" });
  assert.notEqual(read(pod.spec.containers[0].env).DEPLOY_PRIVATE_KEY, given.DEPLOY_PRIVATE_KEY);
  assert.match(text, /\n {8}# a secret\n {8}- name: PW\n/);
  assert.ok(!text.endsWith("\n"));
});

const app = (rest = ""): string =>
  JSON.stringify({ id: "/a", env: { PW: E, ...(rest === "" ? {} : { REST: rest }) } });

for (const [name, document] of [
  ["a Marathon app", app()],
  ["a Metronome job", JSON.stringify({ id: "j", run: { env: { PW: E } } })],
  [
    "a Mesos task",
    JSON.stringify({ name: "t", command: { environment: { variables: [{ name: "PW", value: E }] } } }),
  ],
  ["compose", compose],
  ["Kubernetes", kubernetes],
] as const)
  test(`a second run over ${name} changes nothing; --rotate makes new keys`, async () => {
    const once = await injected(document);
    assert.equal(await injected(once), once);
    const rotated = await injected(once, "--rotate");
    assert.notEqual(rotated, once);
    assert.equal(await injected(rotated), rotated);
  });

test("a key lives until something else in the same app changes", async () => {
  const once = await injected(app());
  const changed = JSON.parse(once);
  changed.env.REST = "new";
  const again = JSON.parse(await injected(JSON.stringify(changed)));
  assert.notEqual(again.env.DEPLOY_PRIVATE_KEY, changed.env.DEPLOY_PRIVATE_KEY);
  assertPair(again.env.DEPLOY_PRIVATE_KEY, again.env.DEPLOY_PUBLIC_KEY);
});

test("half a pair of keys is refused", async () => {
  for (const half of keyNames) {
    const document = { id: "/a", env: { PW: E, [half]: master.publicKey_b64 } };
    const { status, stderr } = await inject(JSON.stringify(document));
    assert.equal(status, 6);
    assert.match(stderr, /one half of a deploy key/);
  }
});

test("a merged environment is looked through; an aliased one is refused, for others share it", async () => {
  const merged = `x-env: &env\n  PW: ${E}\nservices:\n  a:\n    environment:\n      <<: *env\n      X: 1\n`;
  const { services } = parse(await injected(merged));
  assert.ok(services.a.environment.DEPLOY_PRIVATE_KEY);
  const aliased = `x-env: &env\n  PW: ${E}\nservices:\n  a:\n    environment: *env\n`;
  const { status, stderr } = await inject(aliased);
  assert.equal(status, 1);
  assert.match(stderr, /standard input:5: an alias, which others share/);
});

test("--check fails on a variable that looks like a secret in plain text, and names it without its value", async () => {
  const bad = JSON.stringify({ id: "/a", env: { DB_PASSWORD: "hunter2222", PUBLIC_KEY: "x", TOKEN: E } });
  const { status, stdout } = await type(["inject", "--check"], { stdin: bad });
  assert.equal(status, 1);
  assert.match(stdout, /\/a +DB_PASSWORD$/m);
  assert.ok(!stdout.includes("hunter"));
  const good = await type(["inject", "--check"], { stdin: await injected(app()) });
  assert.equal(good.status, 0, good.stdout);
});

test("in place, a file is rewritten once and then left alone", async () => {
  const cwd = mkdtempSync(path.join(tmpdir(), "keyward-inject-"));
  const file = path.join(cwd, "app.json");
  writeFileSync(file, `${app()}\r\n`);
  const run = () => type(["inject", "-i", "app.json"], { cwd, env });
  assert.match((await run()).stdout, /app\.json +\/a +new +PW/);
  const once = readFileSync(file, "utf8");
  assert.ok(once.endsWith("}\r\n"));
  assert.match((await run()).stdout, /app\.json +\/a +kept +PW/);
  assert.equal(readFileSync(file, "utf8"), once);
});

test("what is none of these, is broken, or grows without end, is refused by place", async () => {
  const bomb = `a: &a [x,x]\n${Array.from({ length: 20 }, (_, i) => `b${i}: &b${i} [*${i === 0 ? "a" : `b${i - 1}`}, *${i === 0 ? "a" : `b${i - 1}`}]`).join("\n")}\nservices: {s: {environment: {PW: "${E}"}, x: *b19}}\n`;
  for (const [document, wrong] of [
    ["[1]", /standard input:1: no app/],
    ["just text", /no app/],
    ['{"id": "/pod", "containers": []}', /no app/],
    ["a: [1", /standard input:\d+: not YAML or JSON/],
    ["a: 1\na: 2", /standard input:\d: not YAML or JSON \(DUPLICATE_KEY\)/],
    [bomb, /aliases that resolve to too much/],
  ] as const) {
    const { status, stderr } = await inject(document);
    assert.equal(status, 1, document);
    assert.match(stderr, wrong);
  }
  assert.equal((await inject("")).status, 0);
});

test("tabs, escapes and wide characters in JSON stay", async () => {
  const document = `{\n\t"id":\t"/a\\/\\u00e9\\ud83d\\ude00",\n\t"env":\t{\n\t\t"PW":\t"${E}"\n\t}\n}\n`;
  const text = await injected(document);
  assert.ok(text.startsWith(document.slice(0, document.indexOf(E))));
  assert.equal(JSON.parse(text).id, "/a/é😀");
  assert.match(text, /",\n\t\t"SECRETARY_URL": /);
});
