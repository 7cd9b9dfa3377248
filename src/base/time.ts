/** Time: milliseconds since 1970 in UTC, and durations as people write them. */
import { KeywardError } from "./errors.ts";

export type UnixMs = number & { readonly unit: "unix-ms" };
export type DurationMs = number & { readonly unit: "ms" };

/** Handed to every part that needs the time, so that a test can hold it still. */
export type Clock = () => UnixMs;

export const systemClock: Clock = () => Date.now() as UnixMs;

/** For durations alone: it runs on evenly while the time of day is set, as it is in the first minute of a boot. */
export const steadyClock: Clock = () => (performance.timeOrigin + performance.now()) as UnixMs;

export function toIso(at: UnixMs): string {
  return new Date(at).toISOString();
}

const units: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/**
 * `90s`, `15m`, `24h`, `30d`, `250ms`: one whole number and one unit.
 *
 * @throws KeywardError `usage` for anything else, or for more than 100 years.
 */
export function parseDuration(text: string): DurationMs {
  const match = /^([0-9]{1,9})(ms|s|m|h|d)$/.exec(text);
  const milliseconds = Number(match?.[1]) * (units[match?.[2] ?? ""] ?? Number.NaN);
  if (!(milliseconds <= 36_525 * 86_400_000)) {
    throw new KeywardError(
      "usage",
      `duration ${JSON.stringify(text)}: want a number and a unit, as 90s, 15m, 24h or 30d`,
    );
  }
  return milliseconds as DurationMs;
}

export function formatDuration(duration: DurationMs): string {
  for (const [unit, size] of [
    ["d", 86_400_000],
    ["h", 3_600_000],
    ["m", 60_000],
    ["s", 1000],
  ] as const) {
    if (duration >= size && duration % size === 0) return `${duration / size}${unit}`;
  }
  return `${duration}ms`;
}
