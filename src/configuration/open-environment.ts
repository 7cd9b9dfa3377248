/** The environment's envelopes, opened all at once. */
import { KeywardError } from "../base/errors.ts";
import type { Secret } from "../base/secret.ts";
import type { Entry } from "../command/environ.ts";
import { findEnvelopes, replaceEnvelopes } from "../formats/secretary/recognise.ts";
import type { Opener, Outcome } from "./opener.ts";

export interface OpenedEntry {
  readonly name: string;
  /** The whole value, which the caller wipes, or what was wrong with each envelope in it. */
  readonly outcome: Secret | readonly KeywardError[];
}

/** Those entries that hold envelopes, in order. */
export async function openEnvironment(entries: readonly Entry[], opener: Opener): Promise<OpenedEntry[]> {
  const sealed = entries
    .map(({ name, latin1 }) => ({ name, latin1, found: findEnvelopes(latin1) }))
    .filter(({ found }) => found.length > 0);
  const wanted = sealed.flatMap(({ name, found }) =>
    found.map(({ envelope }) => ({ envelope, variable: name, what: name })),
  );
  const outcomes = [...(await opener.openAll(wanted))];
  return sealed.map(({ name, latin1, found }) => {
    const own = outcomes.splice(0, found.length);
    return { name, outcome: outcomeOf(Buffer.from(latin1, "latin1"), found, own) };
  });
}

function outcomeOf(
  value: Uint8Array,
  found: ReturnType<typeof findEnvelopes>,
  outcomes: readonly Outcome[],
): OpenedEntry["outcome"] {
  const errors = outcomes.filter((outcome) => outcome instanceof KeywardError);
  const values = outcomes.filter((outcome) => !(outcome instanceof KeywardError)) as Secret[];
  try {
    if (errors.length > 0) return errors;
    return replaceEnvelopes(
      value,
      found,
      values.map((one) => one.reveal()),
    );
  } finally {
    for (const one of values) one.wipe();
  }
}

export function isOpened(entry: OpenedEntry): entry is OpenedEntry & { readonly outcome: Secret } {
  return !Array.isArray(entry.outcome);
}
