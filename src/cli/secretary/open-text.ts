/** Running text with envelopes: each is replaced where it stands, and nothing else is touched. All or none. */
import type { Secret } from "../../base/secret.ts";
import { type Found, findEnvelopesInBytes, replaceEnvelopes } from "../../formats/secretary/recognise.ts";
import { allOrNone, type Opener } from "./opener.ts";

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
  const values = allOrNone(await opener.openAll(wanted));
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
