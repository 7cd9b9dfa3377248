import assert from "node:assert/strict";
import { test } from "node:test";
import { isKeywardError } from "../base/errors.ts";
import { parseListen, reachableAt } from "./listen.ts";

test("an address to listen on is a host and a port", () => {
  assert.deepEqual(parseListen("127.0.0.1:0"), { host: "127.0.0.1", port: 0 });
  assert.deepEqual(parseListen("keys.example:5070"), { host: "keys.example", port: 5070 });
  assert.deepEqual(parseListen("[::1]:5070"), { host: "::1", port: 5070 });
  for (const every of ["5070", ":5070"])
    assert.deepEqual(parseListen(every), { host: "0.0.0.0", port: 5070 });
  for (const wrong of ["", "host", "a:b", "a:65536", "::1:5070", "a b:1"])
    assert.throws(
      () => parseListen(wrong),
      (error) => isKeywardError(error, "usage"),
      wrong,
    );
});

test("every address is reached on this machine by the loopback", () => {
  assert.equal(reachableAt({ host: "0.0.0.0", port: 1 }), "https://127.0.0.1:1");
  assert.equal(reachableAt({ host: "::", port: 1 }), "https://[::1]:1");
  assert.equal(reachableAt({ host: "keys.example", port: 1 }), "https://keys.example:1");
});
