import assert from "node:assert/strict";
import { createPrivateKey, createPublicKey, generateKeyPairSync } from "node:crypto";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { isKeywardError } from "../../base/errors.ts";
import type { UnixMs } from "../../base/time.ts";
import { canonicalText, contentHash, formatTimestamp } from "./canonical.ts";
import {
  type Protocol,
  protocols,
  type SignedRequest,
  signRequest,
  verifyRequest,
} from "./chef-signature.ts";

interface Case {
  readonly name: string;
  readonly key: string;
  readonly version: string;
  readonly method: string;
  readonly path: string;
  readonly body_base64: string;
  readonly file_base64?: string;
  readonly user_id: string;
  readonly timestamp: string;
  readonly request_headers: Readonly<Record<string, string>>;
  readonly canonical_request?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

const file = new URL("../../../test/vectors/chef/signed-requests.json", import.meta.url);
const { keys, cases, server_side } = JSON.parse(readFileSync(file, "utf8")) as {
  keys: Record<string, { private: string; public: string }>;
  cases: Case[];
  server_side: { name: string; version: Protocol; result: string; error_class?: string }[];
};

const isProtocol = (text: string): text is Protocol => (protocols as readonly string[]).includes(text);
const keyOf = (name: string) => createPrivateKey(keys[name]?.private ?? "");

function requestOf(one: Case): SignedRequest {
  const api = Object.entries(one.request_headers).find(([name]) => /^x-ops-server-api-version$/i.test(name));
  return {
    method: one.method,
    path: one.path,
    body: Buffer.from(one.file_base64 ?? one.body_base64, "base64"),
    userId: one.user_id,
    ...(api === undefined ? {} : { apiVersion: api[1] }),
  };
}

test("every recorded request has mixlib's canonical text and headers, to the byte", () => {
  let count = 0;
  for (const one of cases) {
    if (!isProtocol(one.version) || one.canonical_request === undefined) continue;
    const protocol = one.version;
    const request = requestOf(one);
    const at = Date.parse(one.timestamp) as UnixMs;
    const stamp = { protocol, timestamp: formatTimestamp(at), hash: contentHash(request.body, protocol) };
    assert.equal(canonicalText(request, stamp), one.canonical_request, one.name);
    if (one.headers === undefined)
      assert.throws(
        () => signRequest(request, keyOf(one.key), at, protocol),
        (error) => isKeywardError(error, "usage"),
        one.name,
      );
    else assert.deepEqual(signRequest(request, keyOf(one.key), at, protocol), one.headers, one.name);
    count++;
  }
  assert.equal(count, 114);
});

test("a time that is none, and a version that there is not, mixlib does not sign: such a request is malformed", () => {
  const unsigned = cases.filter((one) => one.canonical_request === undefined);
  assert.equal(unsigned.length, 8);
  for (const one of unsigned) {
    const protocol = isProtocol(one.version) ? one.version : "1.1";
    const sent = send(protocol);
    sent.headers["x-ops-timestamp"] = one.timestamp;
    sent.headers["x-ops-sign"] = sent.headers["x-ops-sign"]?.replace(protocol, one.version);
    assert.throws(
      () => verifyRequest(sent.request, sent.headers, publicKey, now),
      (error) => isKeywardError(error, "malformed"),
      one.name,
    );
  }
});

test("the verifier accepts what was signed", () => {
  for (const one of cases) {
    if (one.headers === undefined || one.path.includes("?")) continue;
    const { userId: _, apiVersion, ...request } = requestOf(one);
    const at = Date.parse(one.timestamp) as UnixMs;
    const headers = { ...lower(one.headers), ...(apiVersion && { "x-ops-server-api-version": apiVersion }) };
    const checked = verifyRequest(request, headers, createPublicKey(keys[one.key]?.public ?? ""), at);
    assert.equal(checked.protocol, one.version, one.name);
  }
});

function lower(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}

const now = Date.parse("2026-08-15T09:30:00Z") as UnixMs;
const minutes = (count: number): UnixMs => (now + count * 60_000) as UnixMs;
const key = keyOf("rsa2048");
const publicKey = createPublicKey(key);
const request = { method: "PUT", path: "/data/bag/item", body: Buffer.from('{"id":"item"}') };

type Headers = Record<string, string | undefined>;
interface Sent {
  request: { method: string; path: string; body: Buffer };
  headers: Headers;
  now: UnixMs;
}

const header =
  (name: string, value: string | undefined) =>
  (sent: Sent): Sent => ({ ...sent, headers: { ...sent.headers, [name]: value } });
const asked =
  (other: Partial<Sent["request"]>) =>
  (sent: Sent): Sent => ({ ...sent, request: { ...sent.request, ...other } });
const after =
  (count: number) =>
  (sent: Sent): Sent => ({ ...sent, now: minutes(count) });

/** What each recorded decision of the server is about. */
const changes: Readonly<Record<string, (sent: Sent) => Sent>> = {
  ok: (sent) => sent,
  body_changed: asked({ body: Buffer.from("{}") }),
  path_changed: asked({ path: "/data/bag/other" }),
  method_changed: asked({ method: "POST" }),
  user_changed: header("x-ops-userid", "mallory"),
  time_changed: header("x-ops-timestamp", "2026-08-15T09:31:00Z"),
  api_version_changed: header("x-ops-server-api-version", "2"),
  content_hash_changed: header("x-ops-content-hash", "2jmj7l5rSw0yVb/vlWAYkK/YBwk="),
  signature_line_changed: header("x-ops-authorization-2", "A".repeat(60)),
  signature_missing_line: header("x-ops-authorization-6", undefined),
  skew_minus_14min: after(-14),
  skew_minus_16min: after(-16),
  skew_plus_14min: after(14),
  skew_plus_16min: after(16),
  no_sign_header: header("x-ops-sign", undefined),
  no_algorithm: (sent) =>
    header("x-ops-sign", sent.headers["x-ops-sign"]?.replace(/algorithm=\w+;/, ""))(sent),
  no_timestamp: header("x-ops-timestamp", undefined),
  double_slash_path: asked({ path: "/data//bag/item/" }),
  query_ignored: asked({ path: "/data/bag/item?x=y" }),
};

function send(protocol: Protocol): Sent {
  const signed = signRequest({ ...request, userId: "admin", apiVersion: "1" }, key, now, protocol);
  return { request: { ...request }, headers: { ...lower(signed), "x-ops-server-api-version": "1" }, now };
}

test("the recorded decisions of the server's side", () => {
  assert.equal(server_side.length, 57);
  for (const { name, version, result } of server_side) {
    const sent = (changes[name] ?? assert.fail(name))(send(version));
    const decide = () => verifyRequest(sent.request, sent.headers, publicKey, sent.now);
    const what = `${name} ${version}`;
    if (result === "accept") assert.equal(decide().protocol, version, what);
    else
      assert.throws(
        decide,
        (error) => isKeywardError(error, result === "error" ? "malformed" : "denied"),
        what,
      );
  }
});

test("exactly a quarter of an hour is too much", () => {
  const sent = send("1.3");
  assert.throws(() => verifyRequest(sent.request, sent.headers, publicKey, minutes(15)), /does not fit/);
});

test("a changed character anywhere in a header that is signed is refused", () => {
  for (const protocol of protocols) {
    for (const name of Object.keys(send(protocol).headers)) {
      if (/^x-ops-(server-api-version|sign)$/.test(name) && protocol !== "1.3") continue;
      const sent = send(protocol);
      const value = sent.headers[name] ?? "";
      for (let at = 0; at < value.length; at++) {
        const other = value[at] === "A" ? "B" : "A";
        sent.headers[name] = value.slice(0, at) + other + value.slice(at + 1);
        assert.throws(
          () => verifyRequest(sent.request, sent.headers, publicKey, now),
          (error) => isKeywardError(error),
          `${protocol} ${name} ${at}`,
        );
      }
    }
  }
});

test("a key that is not RSA signs nothing", () => {
  const { privateKey } = generateKeyPairSync("ed25519");
  assert.throws(
    () => signRequest({ ...request, userId: "a" }, privateKey, now),
    (error) => isKeywardError(error, "usage"),
  );
});
