import assert from "node:assert/strict";
import { test } from "node:test";
import { isKeywardError } from "./errors.ts";
import { formatDuration, parseDuration } from "./time.ts";

test("durations read as people write them", () => {
  assert.equal(parseDuration("90s"), 90_000);
  assert.equal(parseDuration("15m"), 900_000);
  assert.equal(parseDuration("250ms"), 250);
  assert.equal(parseDuration("30d"), 30 * 86_400_000);
});

test("anything else is a usage error", () => {
  for (const text of ["", "5", "1.5h", "-1s", "1 h", "1w", "36526d", "9999999999s"]) {
    assert.throws(
      () => parseDuration(text),
      (error) => isKeywardError(error, "usage"),
      text,
    );
  }
});

test("a formatted duration reads back", () => {
  for (const text of ["1ms", "1500ms", "90s", "15m", "24h", "1d"]) {
    assert.equal(parseDuration(formatDuration(parseDuration(text))), parseDuration(text));
  }
});
