/** Log: JSON lines by pino. It is given names, codes and times; bodies, headers and values never reach it. */
import { type DestinationStream, type Logger, pino } from "pino";

export type Log = Pick<Logger, "info" | "warn" | "error" | "debug">;

export interface LogOptions {
  readonly level?: "debug" | "info" | "warn" | "error" | "silent";
  /** Standard error unless given. */
  readonly to?: DestinationStream;
}

export function createLog({ level = "info", to }: LogOptions = {}): Log {
  return pino(
    {
      level,
      base: null,
      formatters: { level: (label) => ({ level: label }) },
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
    },
    to ?? standardError(),
  );
}

/** Characters that wait while the log cannot be written; what comes then is dropped. */
const MAX_WAITING = 1_048_576;

/** A log on a disk that is full loses lines. It does not end the server, which would take the keys with it. */
function standardError(): DestinationStream {
  return pino.destination({ fd: 2, sync: true, maxLength: MAX_WAITING }).on("error", () => {});
}

/** One finished request: at level `debug`, or `info` when it was refused, failed or slow. */
export interface RequestLine {
  readonly request: string;
  /** `none` when no route was found. */
  readonly operation: string;
  readonly by: string;
  readonly from: string;
  readonly status: number;
  readonly code?: string;
  readonly ms: number;
}
