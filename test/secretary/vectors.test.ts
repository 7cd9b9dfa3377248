/**
 * What was recorded between the original's client, its daemon, Marathon and Mesos, sent to our daemon: the same requests,
 * the same upstream answers. Where ours answers otherwise on purpose, the table below says so.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { openResponse } from "../../src/formats/secretary/exchange.ts";
import type { LayerKeys } from "../../src/formats/secretary/layers.ts";
import { bytes, keyBetween, load } from "../vectors/secretary/load.ts";
import { exchange, recordedKms, startRecordedDaemon } from "./daemon.ts";
import { type RecordedCall, startUpstream } from "./upstream.ts";

interface Exchange {
  readonly request: { readonly raw_b64: string };
  readonly requestLayers: readonly { openWith: { publicKey: string } }[];
  readonly upstream: readonly RecordedCall[];
  readonly response: {
    readonly status: number;
    readonly body: string;
    readonly headers: readonly [string, string][];
  } | null;
  readonly plaintext_b64?: string;
}
interface Case extends Exchange {
  readonly name: string;
  readonly exchanges?: readonly Exchange[];
}

/** Statuses that differ from the recording, by case, and why. */
const repairs: Readonly<Record<string, readonly [status: number, why: string]>> = {
  "parameters-in-query-string": [400, "parameters count in the body only: a query ends up in logs"],
  "appid-with-two-dots-segments": [400, "an app id is checked before Marathon is asked"],
  "appid-with-space-question-hash": [400, "an app id is checked before Marathon is asked"],
  "replay-same-bytes-2": [409, "a request is answered once"],
  "marathon-document-leak-app-id-without-slash": [400, "an app id is checked before Marathon is asked"],
  "marathon-document-leak-double-slash": [400, "an app id is checked before Marathon is asked"],
  "marathon-document-leak-all-apps": [400, "an app id is checked before Marathon is asked"],
  "marathon-env-with-secret-object-breaks-app": [200, "values that are no text are nothing to us"],
  "mesos-task-not-running-still-served": [500, "a task that ended is nobody"],
  "kms-envelope-without-nonce-crashes-handler": [400, "the envelope is read strictly"],
  "log-forging-newline-in-taskid": [400, "a task id is printable"],
};

/** Refused as in the recording, but with fewer questions: Marathon's redirects are not followed. */
const asksLess = ["marathon-redirect-is-followed"];

/** With the labels of 2018 alone ours decides as the original; with the hash label it does not. */
const unrepaired = ["mesos-any-envelope-for-an-allowed-variable-name"];

async function replay(one: Exchange, name: string): Promise<void> {
  const upstream = await startUpstream(one.upstream);
  const isDown = one.upstream.some(({ response }) => response === null) || name === "marathon-unreachable";
  if (isDown) await upstream.close();
  const daemon = await startRecordedDaemon(upstream.url, { kms: recordedKms });
  try {
    if (name === "replay-same-bytes-2") await exchange(daemon.port, bytes(one.request.raw_b64));
    const answer = await exchange(daemon.port, bytes(one.request.raw_b64));
    const expected = repairs[name]?.[0] ?? one.response?.status;
    assert.equal(answer.status, expected, answer.body);
    if (expected === 200 && one.plaintext_b64 !== undefined) {
      const { value } = openResponse(layersOf(one), answer.body, { nonces: [] });
      assert.equal(Buffer.from(value.reveal()).toString("base64"), one.plaintext_b64);
      assert.equal(answer.headers.get("content-type"), "text/plain; charset=utf-8");
    }
    if (answer.status >= 400) {
      assert.ok(answer.body.endsWith("\n") && answer.body.length < 400, answer.body);
      assert.equal(answer.headers.get("x-content-type-options"), "nosniff");
    }
    if (answer.status === 301)
      assert.equal(answer.headers.get("location"), Object.fromEntries(one.response?.headers ?? []).Location);
    assertNothingLeaks([answer.body, ...daemon.lines], one);
    if (!isDown && repairs[name] === undefined && !asksLess.includes(name))
      assert.deepEqual(
        upstream.asked,
        one.upstream.map(({ request }) => request.requestLine.replace(/ HTTP\/1\.1$/, "")),
        "asked as the original asks",
      );
    if (answer.status === 400 && repairs[name] !== undefined && !name.startsWith("kms-"))
      assert.deepEqual(upstream.asked, [], "nobody is asked about a claim that cannot be one");
  } finally {
    await daemon.stop();
    if (!isDown) await upstream.close();
  }
}

function layersOf({ requestLayers }: Exchange): LayerKeys {
  const [deploy, service] = requestLayers.map(({ openWith }) =>
    keyBetween("master.private", openWith.publicKey),
  );
  assert.ok(deploy !== undefined);
  return service === undefined ? { deploy } : { deploy, service };
}

/** Nothing that an upstream said, no value, no private key. */
function assertNothingLeaks(texts: readonly string[], one: Exchange): void {
  const secrets = [
    "DEPLOY_PRIVATE_KEY",
    "registry.example",
    "slaveId",
    "agent_id",
    "yyyyyyyyyy",
    "does not exist",
  ];
  const plain =
    one.plaintext_b64 === undefined ? "" : Buffer.from(one.plaintext_b64, "base64").toString("latin1");
  for (const text of texts)
    for (const secret of plain.length < 8 ? secrets : [...secrets, plain])
      assert.ok(!text.includes(secret), `${secret} in ${text.slice(0, 300)}`);
}

for (const { name, exchanges } of load("daemon-exchanges").cases as readonly Case[])
  for (const [i, one] of (exchanges ?? []).entries())
    test(`exchange ${name}, ${i + 1}`, () => replay(one, name));

for (const one of load("daemon-errors").cases as readonly Case[])
  for (const [i, each] of (one.exchanges ?? [one]).entries())
    test(`error ${one.name}${one.exchanges === undefined ? "" : `, ${i + 1}`}`, () => replay(each, one.name));

for (const one of load("weaknesses").daemon as readonly Case[])
  test(`weakness ${one.name}${unrepaired.includes(one.name) ? ": as the original, for want of the hash label" : `: ${repairs[one.name]?.[1] ?? "as recorded, and nothing is told"}`}`, () =>
    replay(one, one.name));

test("every deliberate difference is of a recorded case", () => {
  const names = [...load("daemon-errors").cases, ...load("weaknesses").daemon].map(({ name }: Case) => name);
  assert.deepEqual(
    [...Object.keys(repairs), ...unrepaired, ...asksLess].filter((name) => !names.includes(name)),
    [],
  );
});

test("each spelling of a version goes where the original sends it", async () => {
  const { appVersionSyntax } = load("daemon-errors");
  const upstream = await startUpstream();
  const daemon = await startRecordedDaemon(upstream.url);
  for (const { value, treatedAs } of appVersionSyntax) {
    upstream.asked.length = 0;
    const body = new URLSearchParams({
      appid: "/a",
      appversion: value,
      envelope: "ENC[NACL,AAAA]",
      taskid: "t",
    });
    const { status } = await fetch(`http://127.0.0.1:${daemon.port}/v1/decrypt`, { method: "POST", body });
    const asked = upstream.asked[0]?.split(" ")[0];
    const went = status === 422 ? "refused 422" : asked === "GET" ? "marathon app" : "mesos task";
    assert.equal(went, treatedAs, value);
  }
  await daemon.stop();
  await upstream.close();
});
