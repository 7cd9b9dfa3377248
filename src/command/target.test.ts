import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { isKeywardError } from "../base/errors.ts";
import { writeLogin } from "./login-file.ts";
import { type ConnectionFlags, findTarget, type ServerTarget, spellAddress } from "./target.ts";

const pem = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";

function place(env: Record<string, string> = {}) {
  const home = mkdtempSync(path.join(tmpdir(), "keyward-home-"));
  return { env, home, cwd: home };
}

function serverOf(flags: ConnectionFlags, world: ReturnType<typeof place>): ServerTarget {
  const target = findTarget(flags, world, "/nowhere");
  assert.equal(target.kind, "server");
  return target as ServerTarget;
}

const tokenText = (target: ServerTarget): string | undefined =>
  target.token && Buffer.from(target.token.reveal()).toString();

test("without an address the local store is used", () => {
  const world = place();
  assert.deepEqual(findTarget({}, world, "/nowhere"), {
    kind: "local",
    data: path.join(world.home, ".keyward"),
  });
  assert.deepEqual(findTarget({}, world, world.home), { kind: "local", data: world.home });
});

test("flags come before the environment, the environment before login", () => {
  const world = place({ KEYWARD_ADDR: "env.example", KEYWARD_DATA: "/data" });
  writeLogin(world, { address: "https://login.example:5070", ca: [pem], token: "login-token" });
  assert.equal(serverOf({ addr: "flag.example" }, world).address, "https://flag.example:5070");
  assert.equal(serverOf({}, world).address, "https://env.example:5070");
  assert.deepEqual(findTarget({ data: "d" }, world), { kind: "local", data: path.join(world.home, "d") });
  assert.deepEqual(findTarget({}, { ...world, env: { KEYWARD_DATA: "/data" } }), {
    kind: "local",
    data: "/data",
  });
  assert.equal(serverOf({}, { ...world, env: {} }).address, "https://login.example:5070");
});

test("a credential without a server is refused, since the local store knows only its owner", () => {
  const world = place();
  const refused = (flags: ConnectionFlags, env = {}) =>
    assert.throws(
      () => findTarget(flags, { ...world, env }, "/nowhere"),
      (error) =>
        isKeywardError(error, "usage") && error.message.endsWith("is for a server, and none is named"),
      JSON.stringify([flags, env]),
    );
  for (const flag of ["token-file", "cacert", "client-cert", "client-key"])
    for (const where of [{}, { data: "d" }]) {
      refused({ ...where, [flag]: "f" });
      refused({ ...where, [flag]: "f" }, { KEYWARD_DATA: "/data" });
    }
  for (const name of ["TOKEN", "TOKEN_FILE", "CLIENT_CERT", "CLIENT_KEY"]) {
    const env = { [`KEYWARD_${name}`]: "f" };
    refused({}, env);
    assert.equal(findTarget({ data: "d" }, { ...world, env }).kind, "local", "a store that was named");
    assert.equal(findTarget({}, { ...world, env: { ...env, KEYWARD_DATA: "/data" } }).kind, "local");
  }
});

test("what login remembered is sent to no other address", () => {
  const world = place();
  writeLogin(world, { address: "https://login.example:5070", ca: [pem], token: "login-token" });
  const same = serverOf({ addr: "login.example:5070" }, world);
  assert.equal(tokenText(same), "login-token");
  assert.deepEqual(same.ca, [pem]);
  const other = serverOf({ addr: "https://evil.example" }, world);
  assert.equal(other.token, undefined);
  assert.deepEqual(other.ca, []);
});

test("a token file that everybody may read is refused", () => {
  const world = place();
  writeFileSync(path.join(world.home, "t"), "token\n", { mode: 0o644 });
  assert.throws(
    () => findTarget({ addr: "a", "token-file": "t" }, world),
    /everybody on this machine may read it/,
  );
  writeFileSync(path.join(world.home, "u"), "token\n", { mode: 0o600 });
  assert.equal(tokenText(serverOf({ addr: "a", "token-file": "u" }, world)), "token");
});

test("a login file that everybody may read is refused", () => {
  const world = place();
  mkdirSync(path.join(world.home, ".config/keyward"), { recursive: true });
  const login = JSON.stringify({ address: "https://a:5070", ca: [] });
  writeFileSync(path.join(world.home, ".config/keyward/login.json"), login, { mode: 0o644 });
  assert.throws(() => findTarget({}, world), /everybody on this machine may read it/);
});

test("a client certificate without its key is refused, and goes before a remembered token", () => {
  const world = place();
  writeLogin(world, { address: "https://a:5070", ca: [pem], token: "login-token" });
  writeFileSync(path.join(world.home, "c.pem"), pem);
  writeFileSync(path.join(world.home, "c.key"), "key", { mode: 0o600 });
  assert.throws(() => findTarget({ "client-cert": "c.pem" }, world), /go together/);
  const target = serverOf({ "client-cert": "c.pem", "client-key": "c.key" }, world);
  assert.equal(target.identity?.certificate, pem);
  assert.equal(target.token, undefined);
});

test("one server has one spelling", () => {
  for (const text of ["a.example", "A.example", "https://a.example", "https://a.example:5070/"])
    assert.equal(spellAddress(text), "https://a.example:5070");
  assert.equal(spellAddress("https://a.example:443"), "https://a.example:443");
  assert.equal(spellAddress("[::1]:6000"), "https://[::1]:6000");
});

test("addresses that are no HTTPS server are refused", () => {
  for (const text of [
    "http://a",
    "https://a/path",
    "https://u:p@a",
    "https://a?x",
    "",
    "https://",
    "ftp://a",
  ])
    assert.throws(
      () => spellAddress(text),
      (error) => isKeywardError(error, "usage"),
      text,
    );
});
