/** Running text with envelopes: each is replaced where it stands, and nothing else is touched. All or none. */

import { KeywardError } from "../base/errors.ts";
import type { Secret } from "../base/secret.ts";
import { type Found, findEnvelopesInBytes, replaceEnvelopes } from "../formats/secretary/recognise.ts";
import { allOrNone, type Opener, type Outcome, type Wanted } from "./opener.ts";

/**
 * @param variableOf - Which variable an envelope belongs to; empty for none.
 * @returns The whole text, which the caller wipes.
 * @throws KeywardError of the first envelope that does not open.
 */
export async function openText(
  document: Uint8Array,
  opener: Opener,
  variableOf: (found: Found) => string = () => "",
): Promise<Secret> {
  const found = findEnvelopesInBytes(document);
  const wanted = found.map((one, i) => ({
    envelope: one.envelope,
    variable: variableOf(one),
    what: found.length === 1 ? "envelope" : `envelope ${i + 1}`,
  }));
  const values = allOrNone(await openNamed(wanted, opener));
  try {
    return replaceEnvelopes(
      document,
      found,
      values.map((value) => value.reveal()),
    );
  } finally {
    for (const value of values) value.wipe();
  }
}

/** Under the name beside it; what does not open there may have been sealed without a name. */
export async function openNamed(wanted: readonly Wanted[], opener: Opener): Promise<readonly Outcome[]> {
  const outcomes = [...(await opener.openAll(wanted))];
  const again = wanted.flatMap((one, i) =>
    outcomes[i] instanceof KeywardError && one.variable !== "" && one.envelope.startsWith("ENC[HPKE,")
      ? [i]
      : [],
  );
  if (again.length === 0) return outcomes;
  const unnamed = await opener.openAll(again.map((i) => ({ ...(wanted[i] as Wanted), variable: "" })));
  for (const [at, i] of again.entries()) {
    const outcome = unnamed[at] as Outcome;
    if (!(outcome instanceof KeywardError)) outcomes[i] = outcome;
  }
  return outcomes;
}
