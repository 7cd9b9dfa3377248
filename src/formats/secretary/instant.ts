/**
 * An app's version: a time in RFC 3339 as Go reads it, compared as an instant. Seconds are required, the fraction
 * may be of any length and begin with a dot or a comma (digits past the ninth do not count), `T` and `Z` are
 * capitals, an hour may have one digit, and an offset may be up to 24:60.
 */

/** Nanoseconds since 1970. */
export type Instant = bigint & { readonly unit: "unix-ns" };

const shape = /^(\d{4})-(\d\d)-(\d\d)T(\d\d?):(\d\d):(\d\d)(?:[.,](\d{1,64}))?(?:Z|([+-])(\d\d):(\d\d))$/;

/** `null` when it is none. */
export function parseInstant(text: string): Instant | null {
  const match = shape.exec(text);
  if (match === null) return null;
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const [offsetHours, offsetMinutes] = [Number(match[9] ?? 0), Number(match[10] ?? 0)];
  if (hour > 23 || minute > 59 || second > 59 || offsetHours > 24 || offsetMinutes > 60) return null;
  // Date.UTC takes years below 100 for those of the last century.
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) return null;
  const minutes = hour * 60 + minute + (match[8] === "-" ? 1 : -1) * (offsetHours * 60 + offsetMinutes);
  const seconds = BigInt(date.getTime() / 1000 + minutes * 60 + second);
  const nanoseconds = BigInt((match[7] ?? "").slice(0, 9).padEnd(9, "0"));
  return (seconds * 1_000_000_000n + nanoseconds) as Instant;
}

/** Marathon's version of a job of Metronome: the daemon asks Mesos instead. */
export const EPOCH = 0n as Instant;
