import assert from "node:assert/strict";
import { createPrivateKey, createPublicKey } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { createRig } from "../../test/agent/rig.ts";
import { Secret } from "../base/secret.ts";

const address = "https://keys.example:5070";

test("a server with another CA than the pinned one is refused, and gets no request", async (t) => {
  const { server, start } = createRig(t);
  const joining = { address, fingerprint: "0".repeat(64), token: Secret.fromText(server.token) };
  await assert.rejects(start({ joining }).done, { code: "integrity" });
  assert.deepEqual(server.calls, []);
});

test("a token that the server refuses ends the agent with the server's reason", async (t) => {
  const { server, start } = createRig(t);
  const joining = { address, fingerprint: server.fingerprint, token: Secret.fromText("spent") };
  await assert.rejects(start({ joining }).done, { code: "denied", message: /join token/ });
});

test("without an address, or a way to know the server, the next step is named", async (t) => {
  const { start } = createRig(t);
  await assert.rejects(start({ joining: {} }).done, (error: { hint?: string }) =>
    /--ca-fingerprint/.test(error.hint ?? ""),
  );
  await assert.rejects(start({ joining: { address } }).done, { code: "local", message: /CA is not known/ });
});

test("a node without a token waits for approval with the same key, and goes on when it comes", async (t) => {
  const { server, time, start, read, state } = createRig(t);
  server.pending = true;
  server.put("a", "one");
  const joining = { address, fingerprint: server.fingerprint, name: "db1" };
  const first = start({ joining });
  await time.advance(60_000);
  const key = readFileSync(join(state, "identity.pem"), "utf8");
  assert.doesNotMatch(key, /CERTIFICATE/);
  await first.stop();
  start({ joining });
  await time.advance(60_000);
  server.pending = false;
  await time.advance(60_000);
  assert.equal(read("a.key"), "one");
  assert.ok(readFileSync(join(state, "identity.pem"), "utf8").startsWith(key));
});

test("while no server answers, enrolment is tried again", async (t) => {
  const { server, time, start, read } = createRig(t);
  server.put("a", "one");
  server.stop();
  start();
  await time.advance(120_000);
  server.start();
  await time.advance(60_000);
  assert.equal(read("a.key"), "one");
});

test("the private key is P-256, was made here, and is kept with its certificate in one file of mode 0600", async (t) => {
  const { time, start, state } = createRig(t);
  start();
  await time.advance(5000);
  const text = readFileSync(join(state, "identity.pem"), "utf8");
  assert.match(text, /^-----BEGIN PRIVATE KEY-----[\s\S]*-----BEGIN CERTIFICATE-----/);
  assert.equal(createPublicKey(createPrivateKey(text)).asymmetricKeyDetails?.namedCurve, "prime256v1");
});

test("the certificate is renewed after two thirds of its life", async (t) => {
  const { server, time, start, read } = createRig(t);
  server.put("a", "one");
  start();
  await time.advance(5000);
  await time.advance(16 * 3_600_000 - 60_000);
  assert.equal(server.generation, 1);
  await time.advance(120_000);
  assert.equal(server.generation, 2);
  server.put("a", "two");
  await time.advance(5000);
  assert.equal(read("a.key"), "two");
});

test("the old certificate is never shown again once the new one was, and nothing with it stays open", async (t) => {
  const { server, time, start } = createRig(t);
  start();
  await time.advance(17 * 3_600_000);
  for (let day = 0; day < 2; day++) {
    server.stop();
    await time.advance(60_000);
    server.start();
    await time.advance(16 * 3_600_000);
  }
  const shown = server.presented.filter((cert) => cert !== undefined);
  assert.ok(new Set(shown).size >= 3);
  for (const cert of new Set(shown)) {
    const [first, last] = [shown.indexOf(cert), shown.lastIndexOf(cert)];
    assert.equal(
      shown.slice(first, last + 1).every((one) => one === cert),
      true,
    );
  }
  assert.deepEqual(
    server.openAtRenewal,
    server.openAtRenewal.map(() => 0),
  );
  assert.equal(server.openConnections, 1);
});

test("the new certificate is on the disk before it is first shown", async (t) => {
  const { server, time, start, state } = createRig(t);
  const kept: string[] = [];
  start(
    {},
    {
      connect: (options) => {
        kept.push(readFileSync(join(state, "identity.pem"), "utf8"));
        return server.connect(options);
      },
    },
  );
  await time.advance(17 * 3_600_000);
  const shown = server.presented.map((cert, i) => cert === undefined || kept[i]?.endsWith(cert));
  assert.deepEqual(
    shown,
    shown.map(() => true),
  );
  assert.equal(server.generation, 2);
});

test("a renewal that the server cannot do now is tried again before the certificate ends", async (t) => {
  const { server, time, start } = createRig(t);
  start();
  await time.advance(15 * 3_600_000);
  server.stop();
  await time.advance(3 * 3_600_000);
  server.start();
  await time.advance(600_000);
  assert.equal(server.generation, 2);
});

test("a node whose certificate has ended enrols again with its own key", async (t) => {
  const { server, time, start, read, state } = createRig(t);
  server.put("a", "one");
  const first = start();
  await time.advance(5000);
  const [key] = readFileSync(join(state, "identity.pem"), "utf8").split("-----BEGIN CERTIFICATE");
  await first.stop();
  await time.advance(25 * 3_600_000);
  server.put("a", "two");
  start();
  await time.advance(60_000);
  assert.equal(read("a.key"), "two");
  assert.equal(readFileSync(join(state, "identity.pem"), "utf8").startsWith(key ?? "none"), true);
});
