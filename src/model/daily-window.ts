/** Daily window: a part of each day, UTC: `22:00-06:00` goes over midnight. */
import { KeywardError } from "../base/errors.ts";
import type { UnixMs } from "../base/time.ts";
import { printable } from "./name.ts";

export type DailyWindow = string & { readonly kind: "daily-window" };

const form = /^([01][0-9]|2[0-3]):([0-5][0-9])-([01][0-9]|2[0-3]):([0-5][0-9])$/;
const MINUTE_MS = 60_000;
const DAY_MINUTES = 1440;

/** @throws KeywardError `usage` */
export function parseDailyWindow(text: string): DailyWindow {
  const [from, to] = endsOf(text);
  if (from !== undefined && from !== to) return text as DailyWindow;
  throw new KeywardError("usage", `time ${printable(text)}: want a part of the day, UTC, as 22:00-06:00`);
}

/** The first minute is in it, the last is not. */
export function isWithin(at: UnixMs, window: DailyWindow): boolean {
  const [from = 0, to = 0] = endsOf(window);
  const minute = Math.floor(at / MINUTE_MS) % DAY_MINUTES;
  return from < to ? from <= minute && minute < to : from <= minute || minute < to;
}

function endsOf(text: string): number[] {
  const [, ...parts] = form.exec(text) ?? [];
  const [a, b, c, d] = parts.map(Number);
  return a === undefined || b === undefined || c === undefined || d === undefined
    ? []
    : [a * 60 + b, c * 60 + d];
}
