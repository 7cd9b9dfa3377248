/** Opener: many envelopes opened at once, here or by a daemon; each comes to a value or to an error of its own. */
import { KeywardError } from "../base/errors.ts";
import { Secret } from "../base/secret.ts";
import type { DaemonClient } from "../client/secretary.ts";
import type { Opening } from "../secretary/opening.ts";

export interface Wanted {
  /** Without blanks. */
  readonly envelope: string;
  /** The variable that holds it; empty in a file, an argument, on standard input. */
  readonly variable: string;
  /** Names the place in errors. */
  readonly what: string;
}

/** A value, which the caller wipes, or why there is none. */
export type Outcome = Secret | KeywardError;

export interface Opener {
  /** One outcome for each, in order. */
  openAll(wanted: readonly Wanted[]): Promise<readonly Outcome[]>;
  close(): void;
}

export function localOpener(opening: Opening, close: () => void): Opener {
  const open = async ({ envelope, variable, what }: Wanted): Promise<Outcome> => {
    try {
      return (await opening.open(envelope, { variable, what })).value;
    } catch (error) {
      if (error instanceof KeywardError) return error;
      throw error;
    }
  };
  return { openAll: (wanted) => Promise.all(wanted.map(open)), close };
}

export function daemonOpener(client: DaemonClient): Opener {
  return {
    openAll: (wanted) =>
      client.openAll(wanted.map(({ envelope, variable }) => ({ requestedSecret: envelope, key: variable }))),
    close: client.close,
  };
}

/** All values, or the first error, with the values wiped. */
export function allOrNone(outcomes: readonly Outcome[]): readonly Secret[] {
  const error = outcomes.find((outcome) => outcome instanceof KeywardError);
  const values = outcomes.filter((outcome) => outcome instanceof Secret);
  if (error === undefined) return values;
  for (const value of values) value.wipe();
  throw error;
}
