import assert from "node:assert/strict";
import { test } from "node:test";
import { bodyOf, bytes, keyBetween, load } from "../../../test/vectors/secretary/load.ts";
import { fromHex, toHex, utf8 } from "../../base/bytes.ts";
import { isKeywardError } from "../../base/errors.ts";
import { Secret } from "../../base/secret.ts";
import type { UnixMs } from "../../base/time.ts";
import type { Random } from "../../crypto/random.ts";
import { systemRandom } from "../../crypto/random.ts";
import { openRequest, openResponse, sealRequest, sealResponse } from "./exchange.ts";
import { decodeForm } from "./form.ts";
import { type LayerKeys, openLayers, sealLayers } from "./layers.ts";
import { sealNacl } from "./nacl.ts";
import { type DecryptRequest, decodeRequest, encodeRequest } from "./request.ts";
import { decodeResponse } from "./response.ts";

interface Layer {
  readonly openWith: { readonly publicKey: string; readonly privateKey: string };
  readonly nonce_hex: string;
  readonly plaintext: string;
}

interface Exchange {
  readonly request: { readonly raw_b64: string };
  readonly requestLayers: readonly Layer[];
  /** Absent where it is long. */
  readonly requestJson?: Record<string, string>;
  readonly response: { readonly raw_b64: string; readonly status: number };
  readonly responseLayers: readonly Layer[];
  readonly plaintext_b64: string;
}

const text = (secret: Secret): string => Buffer.from(secret.reveal()).toString();

function keysOf(layers: readonly Layer[]): LayerKeys {
  const [deploy, service] = layers.map(({ openWith }) => keyBetween(openWith.privateKey, openWith.publicKey));
  assert.ok(deploy);
  return service === undefined ? { deploy } : { deploy, service };
}

/** The recorded nonces: the inner layer is sealed first. */
function recorded(layers: readonly Layer[]): Random {
  const left = layers.map(({ nonce_hex }) => fromHex(nonce_hex, "nonce"));
  return () => left.pop() ?? assert.fail("one nonce for each layer");
}

for (const one of load("daemon-exchanges").cases as { name: string; exchanges: readonly Exchange[] }[]) {
  test(`exchange ${one.name}: request and response, both ways, to the byte`, () => {
    for (const exchange of one.exchanges) {
      const { envelope } = decodeForm(bodyOf(exchange.request.raw_b64));
      const keys = keysOf(exchange.requestLayers);
      const { request, nonce } = openRequest(keys, envelope);
      assert.equal(toHex(nonce), exchange.requestLayers[0]?.nonce_hex);
      if (exchange.requestJson !== undefined) assert.deepEqual(request, fromJson(exchange.requestJson));
      const sealed = sealRequest(keys, request, recorded(exchange.requestLayers));
      assert.equal(sealed.envelope, envelope);

      const body = bodyOf(exchange.response.raw_b64);
      const answer = openResponse(keysOf(exchange.responseLayers), body, sealed);
      assert.deepEqual(answer.value.reveal(), bytes(exchange.plaintext_b64));
      assert.equal(answer.tied, false);
      const response = { value: Secret.take(bytes(exchange.plaintext_b64)) };
      assert.equal(sealResponse(keys, response, recorded(exchange.responseLayers)), body);
    }
  });
}

function fromJson(json: Record<string, string>): DecryptRequest {
  const { AppID = "", AppVersion = "", TaskID = "", RequestedSecret = "", Key = "" } = json;
  return { appId: AppID, appVersion: AppVersion, taskId: TaskID, requestedSecret: RequestedSecret, key: Key };
}

const refusedInside = [
  "service-layer-not-expected",
  "inner-not-json",
  "inner-json-array",
  "inner-json-wrong-type",
];

for (const one of load("daemon-errors").cases as (Exchange & { name: string })[]) {
  if (!/^(?:inner-|service-layer-not)/.test(one.name)) continue;
  const refused = refusedInside.includes(one.name);
  test(`daemon ${one.name}: the message is ${refused ? "refused" : "read"}`, () => {
    const keys = keysOf(one.requestLayers);
    const open = () => openRequest(keys, decodeForm(bodyOf(one.request.raw_b64)).envelope);
    if (refused) assert.throws(open, (error) => isKeywardError(error, "malformed"));
    else assert.match(open().request.requestedSecret, /^ENC\[/);
  });
}

interface ClientRun {
  readonly name: string;
  readonly client: {
    readonly env: Record<string, string>;
    readonly exitCode: number;
    readonly stdout: string;
  };
  readonly http: readonly { readonly requestBody: string; readonly response_b64: string }[];
}

function clientOpens({ client, http }: ClientRun): string {
  const master = client.env.MASTER_PUBLIC_KEY ?? "";
  const service = client.env.SERVICE_PRIVATE_KEY;
  const keys = {
    deploy: keyBetween(client.env.DEPLOY_PRIVATE_KEY ?? "", master),
    ...(service === undefined ? {} : { service: keyBetween(service, master) }),
  };
  const [exchange] = http;
  const { nonces } = openLayers(keys, decodeForm(exchange?.requestBody ?? "").envelope, "request");
  return text(openResponse(keys, bodyOf(exchange?.response_b64 ?? ""), { nonces }).value);
}

for (const run of load("client-responses").cases as readonly ClientRun[]) {
  if (!/^(?:ok|response-|http-204)/.test(run.name)) continue;
  test(`client ${run.name}: ${run.client.exitCode === 0 ? "taken" : "refused"}, as by the original`, () => {
    if (run.client.exitCode === 0) assert.equal(clientOpens(run), run.client.stdout);
    else assert.throws(() => clientOpens(run), isKeywardError);
  });
}

for (const run of load("weaknesses").client as readonly ClientRun[]) {
  if (run.name === "response-for-another-secret") continue;
  test(`weakness ${run.name}: the original took it, ours refuses`, () => {
    assert.equal(run.client.exitCode, 0);
    assert.throws(() => clientOpens(run), isKeywardError);
  });
}

const keys: LayerKeys = {
  deploy: keyBetween("deploy.private", "master.public"),
  service: keyBetween("service.private", "master.public"),
};
const request: DecryptRequest = {
  appId: "/shop",
  appVersion: "2024-03-05T10:11:12Z",
  taskId: "t.1",
  requestedSecret: "ENC[NACL,AAAA]",
  key: "PW",
  requestId: "4f1c",
  timestamp: 1_795_000_000_000 as UnixMs,
};
const value = (): Secret => Secret.fromText("correct horse");

test("weakness response-for-another-secret: an answer is tied to its request by an id that is sent back", () => {
  const sealed = sealRequest(keys, request, systemRandom);
  const asked = { nonces: sealed.nonces, requestId: "4f1c" };
  assert.deepEqual(openRequest(keys, sealed.envelope).request, request);
  const good = sealResponse(keys, { value: value(), requestId: "4f1c" }, systemRandom);
  const answer = openResponse(keys, good, asked);
  assert.deepEqual([text(answer.value), answer.tied], ["correct horse", true]);
  const other = sealResponse(keys, { value: value(), requestId: "4f1d" }, systemRandom);
  assert.throws(
    () => openResponse(keys, other, asked),
    (error) => isKeywardError(error, "integrity"),
  );
});

test("one request asks for many envelopes, and one answer says of each its value or what is wrong", () => {
  const also = [
    { requestedSecret: "ENC[NACL,BBBB]", key: "A" },
    { requestedSecret: "ENC[KMS,CCCC]", key: "" },
  ];
  const sealed = sealRequest(keys, { ...request, also }, systemRandom);
  assert.deepEqual(openRequest(keys, sealed.envelope).request, { ...request, also });
  const answers = [{ value: Secret.fromText("a") }, { error: "not allowed" }];
  const response = sealResponse(keys, { value: value(), requestId: "4f1c", also: answers }, systemRandom);
  const opened = openResponse(keys, response, { nonces: sealed.nonces, requestId: "4f1c" });
  const [first, second] = opened.also ?? [];
  assert.ok(first !== undefined && "value" in first);
  assert.equal(text(first.value), "a");
  assert.deepEqual(second, { error: "not allowed" });
});

test("more than 128 envelopes in a request, and a list that holds anything but objects, are refused", () => {
  const also = Array.from({ length: 128 }, () => ({ requestedSecret: "", key: "" }));
  assert.throws(
    () => decodeRequest(encodeRequest({ ...request, also })),
    (error) => isKeywardError(error, "too-large"),
  );
  assert.equal(decodeRequest(encodeRequest({ ...request, also: also.slice(1) })).also?.length, 127);
  for (const list of ['"x"', "{}", "[1]", "[null]", "[[]]"])
    assert.throws(
      () => decodeRequest(utf8(`{"Also":${list}}`)),
      (error) => isKeywardError(error, "malformed"),
    );
  for (const list of ["[{}]", '[{"PlaintextSecret":1}]', '[{"Error":1}]'])
    assert.throws(() => decodeResponse(utf8(`{"PlaintextSecret":"","Also":${list}}`)), isKeywardError);
});

test("an answer without an id is taken from the original's daemon, until the daemon has shown that it sends ids", () => {
  const asked = { nonces: [], requestId: "4f1c" };
  const old = sealResponse(keys, { value: value() }, systemRandom);
  assert.equal(openResponse(keys, old, asked).tied, false);
  assert.throws(
    () => openResponse(keys, old, asked, true),
    (error) => isKeywardError(error, "integrity"),
  );
});

test("the request sent back is refused, by its nonces and by its members", () => {
  const { envelope, nonces } = sealRequest(keys, request, systemRandom);
  for (const asked of [{ nonces }, { nonces: nonces.slice(1) }, { nonces: [] }])
    assert.throws(
      () => openResponse(keys, envelope, asked),
      (error) => isKeywardError(error, "integrity"),
    );
});

test("an error names the layer that did not open", () => {
  const { envelope } = sealRequest(keys, request, systemRandom);
  const wrong = keyBetween("bad.private", "master.public");
  assert.throws(
    () => openRequest({ ...keys, deploy: wrong }, envelope),
    /^KeywardError: request: deploy layer: /,
  );
  assert.throws(
    () => openRequest({ ...keys, service: wrong }, envelope),
    /^KeywardError: request: service layer: /,
  );
});

test("every truncation and every changed character of a message in two layers is refused", () => {
  const { envelope } = sealLayers(keys, utf8('{"PlaintextSecret":"YQ=="}'), systemRandom);
  for (let at = 0; at < envelope.length; at++) {
    assert.throws(() => openLayers(keys, envelope.slice(0, at), "x"), isKeywardError);
    const changed = `${envelope.slice(0, at)}${envelope[at] === "A" ? "B" : "A"}${envelope.slice(at + 1)}`;
    try {
      assert.equal(text(openLayers(keys, changed, "x").message), '{"PlaintextSecret":"YQ=="}');
      assert.ok(at >= envelope.length - 4, "only the spare bits of the last character may change");
    } catch (error) {
      assert.ok(isKeywardError(error), String(error));
    }
  }
});

test("a message is written as Go writes JSON", () => {
  const odd = { ...request, appId: '<&>\u2028\u2029"\\\b\f\n\u0001é\u007f' };
  const json = Buffer.from(encodeRequest(odd)).toString();
  assert.ok(
    json.startsWith(
      '{"AppID":"\\u003c\\u0026\\u003e\\u2028\\u2029\\"\\\\\\u0008\\u000c\\n\\u0001é\u007f","AppVersion":',
    ),
    json,
  );
  assert.deepEqual(decodeRequest(utf8(json)), odd);
});

test("names in any case, null and unknown members are read as Go reads them; two of one name are refused", () => {
  assert.equal(decodeRequest(utf8('{"APPID":"a","taskid":null,"x":[{}]}')).appId, "a");
  assert.throws(() => decodeRequest(utf8('{"AppID":"a","appid":"b"}')), /two members of one name/);
  // Go's folding takes U+212A for k; ours does not.
  assert.equal(decodeRequest(utf8('{"\u212aey":"x"}')).key, "");
});

test("an answer whose value is missing, null, no string or no base64 is refused", () => {
  for (const json of [
    "{}",
    '{"PlaintextSecret":null}',
    '{"PlaintextSecret":1}',
    '{"PlaintextSecret":"A"}',
    "[]",
    "1",
  ])
    assert.throws(() => decodeResponse(utf8(json)), isKeywardError, json);
  assert.equal(decodeResponse(utf8('{"PlaintextSecret":""}')).value.length, 0);
});

test("an answer is one envelope with nothing after it, for the original's client breaks on a line feed", () => {
  assert.match(sealResponse(keys, { value: value() }, systemRandom), /^ENC\[NACL,[A-Za-z0-9+/=]+\]$/);
  const trailing = `${sealNacl(keys.deploy, new Uint8Array(24), utf8("{}"))}\n`;
  assert.throws(() => openLayers({ deploy: keys.deploy }, trailing, "x"), isKeywardError);
});

test("a value of one MiB passes in two layers", () => {
  const large = Secret.take(new Uint8Array(1_048_576).fill(0xfb));
  const response = sealResponse(keys, { value: large, requestId: "r" }, systemRandom);
  const answer = openResponse(keys, response, { nonces: [], requestId: "r" });
  assert.equal(answer.value.length, 1_048_576);
});
