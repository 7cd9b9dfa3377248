import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { type FakeKms, fakeAccount, startFakeKms } from "../../../test/kms/fake-kms.ts";
import { type ErrorCode, isKeywardError } from "../../base/errors.ts";
import type { Kms } from "../../model/kms.ts";
import { createAwsKms } from "./aws-kms.ts";
import { type AwsEnvironment, credentialsOf, regionInside, regionOf } from "./settings.ts";

const folder = mkdtempSync(path.join(tmpdir(), "keyward-kms-"));
const file = (name: string): string => path.join(folder, name);
let fake: FakeKms;
before(async () => {
  execFileSync(
    "openssl",
    [
      ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"],
      ...["-subj", "/CN=kms", "-addext", "subjectAltName=IP:127.0.0.1"],
      ...["-keyout", file("key.pem"), "-out", file("cert.pem")],
    ],
    { stdio: "ignore" },
  );
  fake = await start();
  Object.assign(process.env, {
    AWS_ACCESS_KEY_ID: fakeAccount.accessKeyId,
    AWS_SECRET_ACCESS_KEY: fakeAccount.secretAccessKey,
  });
});
after(async () => {
  await fake.stop();
  rmSync(folder, { recursive: true });
});

function start(maxVersion: "TLSv1.1" | "TLSv1.3" = "TLSv1.3"): Promise<FakeKms> {
  const [cert, key] = [readFileSync(file("cert.pem"), "utf8"), readFileSync(file("key.pem"), "utf8")];
  return startFakeKms({ tls: { cert, key, maxVersion } });
}

async function withKms(environment: AwsEnvironment, work: (kms: Kms) => Promise<void>): Promise<void> {
  process.env.AWS_ENDPOINT_URL = fake.endpoint;
  const kms = createAwsKms({
    environment: { AWS_REGION: fake.region, ...environment },
    limits: { tries: 1 },
  });
  try {
    await work(kms);
  } finally {
    kms.close();
  }
}

const refused = (work: Promise<unknown>, code: ErrorCode, message: RegExp): Promise<void> =>
  assert.rejects(work, (error) => {
    assert.ok(isKeywardError(error, code), String(error));
    assert.match(error.message, message);
    return true;
  });

test("a service whose certificate nobody vouches for gets no request", async () => {
  const key = fake.service.createKey();
  await withKms({}, (kms) => refused(kms.generateDataKey(key), "unreachable", /DEPTH_ZERO_SELF_SIGNED_CERT/));
  assert.equal(fake.calls.length, 0);
});

test("AWS_CA_BUNDLE says whom to trust", async () => {
  const key = fake.service.createKey();
  await withKms({ AWS_CA_BUNDLE: file("cert.pem") }, async (kms) => {
    assert.equal((await kms.generateDataKey(key)).keyArn, key);
  });
});

test("a bundle that is not there, or holds no certificate, is named", async () => {
  writeFileSync(file("empty.pem"), "nothing\n");
  const key = fake.service.createKey();
  for (const [name, why] of [
    ["none.pem", /ENOENT/],
    ["empty.pem", /holds no certificate/],
  ] as const)
    await withKms({ AWS_CA_BUNDLE: file(name) }, (kms) => refused(kms.generateDataKey(key), "local", why));
});

test("TLS 1.1 is refused", async () => {
  const old = await start("TLSv1.1");
  const now = fake;
  fake = old;
  try {
    await withKms({ AWS_CA_BUNDLE: file("cert.pem") }, (kms) =>
      refused(kms.generateDataKey(old.service.createKey()), "unreachable", /no connection/),
    );
    assert.equal(old.calls.length, 0);
  } finally {
    fake = now;
    await old.stop();
  }
});

test("HTTPS_PROXY is gone through, and sees nothing but where to", async () => {
  const asked: string[] = [];
  const proxy: Server = createServer((_request, response) => response.writeHead(400).end());
  proxy.on("connect", (request, socket, head) => {
    asked.push(request.url ?? "");
    const [host = "", port = ""] = (request.url ?? "").split(":");
    const onward = connect(Number(port), host, () => {
      socket.write("HTTP/1.1 200 OK\r\n\r\n");
      onward.write(head);
      onward.pipe(socket).pipe(onward);
    });
    for (const one of [onward, socket]) one.on("error", () => one.destroy());
  });
  await new Promise<void>((resolve) => void proxy.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
  const key = fake.service.createKey();
  try {
    await withKms({ AWS_CA_BUNDLE: file("cert.pem"), HTTPS_PROXY: url }, async (kms) => {
      assert.equal((await kms.generateDataKey(key)).keyArn, key);
    });
    assert.deepEqual(asked, [fake.endpoint.slice("https://".length)]);
    const direct = { AWS_CA_BUNDLE: file("cert.pem"), HTTPS_PROXY: url, NO_PROXY: "127.0.0.1" };
    await withKms(direct, async (kms) => {
      assert.equal((await kms.generateDataKey(key)).keyArn, key);
    });
    assert.equal(asked.length, 1);
  } finally {
    proxy.closeAllConnections();
    proxy.close();
  }
});

test("the region is AWS_REGION, else AWS_DEFAULT_REGION, and an empty one is none", () => {
  assert.equal(regionOf({ AWS_REGION: "a", AWS_DEFAULT_REGION: "b" }), "a");
  assert.equal(regionOf({ AWS_REGION: "", AWS_DEFAULT_REGION: "b" }), "b");
  assert.equal(regionOf({}), undefined);
  assert.equal(regionInside("arn:aws-cn:kms:cn-north-1:111122223333:key/k"), "cn-north-1");
  assert.equal(regionInside("alias/arn"), undefined);
});

test("credentials under the usual names are left to the library, profiles and roles too", () => {
  assert.equal(
    credentialsOf({ AWS_ACCESS_KEY_ID: "a", AWS_SECRET_ACCESS_KEY: "b", AWS_ACCESS_KEY: "c" }),
    undefined,
  );
  assert.equal(credentialsOf({ AWS_PROFILE: "p" }), undefined);
  assert.equal(credentialsOf({ AWS_ACCESS_KEY: "a" }), undefined);
  assert.deepEqual(credentialsOf({ AWS_ACCESS_KEY: "a", AWS_SECRET_KEY: "b", AWS_SESSION_TOKEN: "t" }), {
    accessKeyId: "a",
    secretAccessKey: "b",
    sessionToken: "t",
  });
});
