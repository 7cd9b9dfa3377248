import assert from "node:assert/strict";
import { test } from "node:test";
import { closest, distanceBetween } from "./suggest.ts";

test("letters inserted, removed, replaced and swapped count one each", () => {
  assert.equal(distanceBetween("key", "key"), 0);
  assert.equal(distanceBetween("kye", "key"), 1);
  assert.equal(distanceBetween("kkey", "key"), 1);
  assert.equal(distanceBetween("ky", "key"), 1);
  assert.equal(distanceBetween("", "key"), 3);
});

test("the closest word is meant, and a far one is not", () => {
  const known = ["key", "node", "grant", "plan", "completion"];
  assert.equal(closest("grnat", known), "grant");
  assert.equal(closest("comp", known), "completion");
  assert.equal(closest("zzzzzz", known), null);
});
