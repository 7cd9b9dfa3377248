import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { changeAttributes } from "./attributes.ts";

describe("attributes as operators write them", () => {
  it("a dotted path makes the objects on its way", () => {
    assert.deepEqual(changeAttributes({ role: "api" }, { "net.lan.ip": "10.0.0.1", "net.zone": "dmz" }), {
      role: "api",
      net: { lan: { ip: "10.0.0.1" }, zone: "dmz" },
    });
  });

  it("null removes, and takes the objects along that are empty then", () => {
    const tree = { role: "api", net: { lan: { ip: "10.0.0.1" } } };
    assert.deepEqual(changeAttributes(tree, { "net.lan.ip": null }), { role: "api" });
    assert.deepEqual(changeAttributes(tree, { net: null, "no.such": null }), { role: "api" });
  });

  it("the tree that was given stays as it is", () => {
    const tree = { net: { zone: "dmz" } };
    changeAttributes(tree, { "net.zone": "lan", role: "db" });
    assert.deepEqual(tree, { net: { zone: "dmz" } });
  });

  it("a path through a value that is no object is refused", () => {
    for (const value of ["api", 7, ["api"], true]) {
      assert.throws(() => changeAttributes({ role: value }, { "role.name": "x" }), { code: "conflict" });
    }
  });

  it("the name, empty parts, control characters, prototypes and endless paths are refused", () => {
    const long = Array.from({ length: 17 }, () => "a").join(".");
    for (const path of [
      "name",
      "name.x",
      "",
      ".",
      "a..b",
      "a.",
      ".a",
      "a\nb",
      "__proto__.x",
      "a.__proto__",
      long,
      "a".repeat(513),
    ]) {
      assert.throws(() => changeAttributes({}, { [path]: "x" }), { code: "usage" }, JSON.stringify(path));
    }
    assert.equal(({} as { x?: string }).x, undefined);
  });
});
