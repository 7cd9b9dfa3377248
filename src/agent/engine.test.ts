import assert from "node:assert/strict";
import { test } from "node:test";
import { KeywardError } from "../base/errors.ts";
import { standingOf } from "./engine.ts";

const denied = (message: string): KeywardError => new KeywardError("denied", message);

test("a refusal says how the server sees the node; a removed node is as a revoked one", () => {
  assert.equal(standingOf(denied("node db1 is revoked")), "revoked");
  assert.equal(standingOf(denied("node db1: is revoked: stolen")), "revoked");
  assert.equal(standingOf(denied("node db1: is not known any more")), "revoked");
  assert.equal(
    standingOf(denied("node db1 is frozen: an old certificate generation was presented")),
    "frozen",
  );
});

test("the reason that a person gave is not taken for the state", () => {
  assert.equal(standingOf(denied("node db1: is frozen: it was revoked by mistake")), "frozen");
  assert.equal(standingOf(denied("node db1: is pending: node db1 is revoked")), "refused");
  assert.equal(standingOf(denied("the node before is revoked")), "refused");
});

test("an absent or a broken server is no refusal", () => {
  for (const code of ["unreachable", "timeout", "sealed", "internal", "integrity"] as const)
    assert.equal(standingOf(new KeywardError(code, "node db1 is revoked")), null);
  assert.equal(standingOf(new Error("node db1 is revoked")), null);
});
