/**
 * The labels of a Mesos task that say what it may open.
 *
 *     ALLOWED_SECRETS_VARS     NAME,NAME,…             the original's: names of variables; blanks in a name do not count
 *     ALLOWED_SECRETS_HASHES   NAME=HASH,NAME=HASH,…   ours: which envelopes each variable holds
 *
 * HASH is the base64url (RFC 4648, section 5) of SHA-256 over the envelope's text without blanks, 43 characters. A
 * variable with several envelopes has an entry for each.
 */
import { toBase64Url, utf8 } from "../../base/bytes.ts";
import { KeywardError } from "../../base/errors.ts";
import { sha256 } from "../../crypto/hash.ts";
import { withoutSpace } from "./go-space.ts";

export const ALLOWED_VARS_LABEL = "ALLOWED_SECRETS_VARS";
export const ALLOWED_HASHES_LABEL = "ALLOWED_SECRETS_HASHES";

export type EnvelopeHash = string & { readonly is: "envelope-hash" };

/** A label of Mesos is part of a task's record: a megabyte is more than any should hold. */
const MAX_LABEL = 1_048_576;

/** @param envelope - Without blanks. */
export function envelopeHash(envelope: string): EnvelopeHash {
  return toBase64Url(sha256(utf8(envelope))) as EnvelopeHash;
}

/** @throws KeywardError `too-large` */
export function parseAllowedVars(label: string): ReadonlySet<string> {
  assertLength(label, ALLOWED_VARS_LABEL);
  const names = label.split(",").map(withoutSpace);
  return new Set(names.filter((name) => name !== ""));
}

/** @throws KeywardError `malformed`, `too-large` */
export function parseAllowedHashes(label: string): ReadonlyMap<string, ReadonlySet<EnvelopeHash>> {
  assertLength(label, ALLOWED_HASHES_LABEL);
  const allowed = new Map<string, Set<EnvelopeHash>>();
  for (const entry of label === "" ? [] : label.split(",")) {
    const match = /^([^=]+)=([A-Za-z0-9_-]{43})$/.exec(entry);
    const [, name = "", hash = ""] = match ?? [];
    if (match === null)
      throw new KeywardError("malformed", `${ALLOWED_HASHES_LABEL}: an entry is not NAME=HASH`);
    allowed.set(name, (allowed.get(name) ?? new Set()).add(hash as EnvelopeHash));
  }
  return allowed;
}

/** @param envelopes - By variable, without blanks; entries come out in this order. */
export function formatAllowedHashes(envelopes: ReadonlyMap<string, readonly string[]>): string {
  return [...envelopes]
    .flatMap(([name, of]) => [...new Set(of)].map((envelope) => `${name}=${envelopeHash(envelope)}`))
    .join(",");
}

function assertLength(label: string, name: string): void {
  if (label.length > MAX_LABEL)
    throw new KeywardError("too-large", `${name}: longer than ${MAX_LABEL} characters`);
}
