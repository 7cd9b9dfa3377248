import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { liesIn, parseNetwork } from "./network.ts";

describe("a network", () => {
  it("holds the addresses behind its prefix", () => {
    for (const [network, inside, outside] of [
      ["10.0.0.0/8", "10.255.0.1", "11.0.0.1"],
      ["192.0.2.7", "192.0.2.7", "192.0.2.8"],
      ["0.0.0.0/0", "203.0.113.9", "::1"],
      ["2001:db8::/32", "2001:db8:ffff::1", "2001:db9::"],
      ["::1", "::1", "::2"],
      ["127.0.0.0/8", "::ffff:127.0.0.1", "::1"],
    ] as const) {
      const parsed = parseNetwork(network);
      assert.ok(liesIn(inside, parsed), `${inside} in ${network}`);
      assert.ok(!liesIn(outside, parsed), `${outside} not in ${network}`);
    }
  });

  it("is refused when it is none", () => {
    for (const text of [
      "",
      "10.0.0.0/33",
      "10.0.0.1/8",
      "10.0.0",
      "10.0.0.0/",
      "010.0.0.0/8",
      "256.0.0.0",
      "::/129",
      "1::2::3",
      "1:2:3:4:5:6:7",
      "1:2:3:4:5:6:7:8:9",
      "2001:db8::1/32",
      "host.example",
      "10.0.0.0/8 ",
    ])
      assert.throws(() => parseNetwork(text), { code: "usage" }, text);
  });

  it("no address lies nowhere", () => {
    assert.ok(!liesIn("", parseNetwork("0.0.0.0/0")));
    assert.ok(!liesIn("unix", parseNetwork("::/0")));
  });
});
