import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { UnixMs } from "../base/time.ts";
import { isWithin, parseDailyWindow } from "./daily-window.ts";

const at = (time: string) => Date.parse(`2026-03-04T${time}Z`) as UnixMs;

describe("a daily window", () => {
  it("has its first minute in it and its last one not", () => {
    const window = parseDailyWindow("08:30-17:00");
    for (const [time, within] of [
      ["08:29:59", false],
      ["08:30:00", true],
      ["16:59:59", true],
      ["17:00:00", false],
    ] as const)
      assert.equal(isWithin(at(time), window), within, time);
  });

  it("may go over midnight", () => {
    const window = parseDailyWindow("22:00-06:00");
    for (const [time, within] of [
      ["21:59:00", false],
      ["22:00:00", true],
      ["00:00:00", true],
      ["05:59:00", true],
      ["06:00:00", false],
    ] as const)
      assert.equal(isWithin(at(time), window), within, time);
  });

  it("is refused when it is none, or nothing", () => {
    for (const text of [
      "",
      "8:00-9:00",
      "24:00-06:00",
      "08:60-09:00",
      "08:00-08:00",
      "08:00",
      "08:00-09:00Z",
    ])
      assert.throws(() => parseDailyWindow(text), { code: "usage" }, text);
  });
});
