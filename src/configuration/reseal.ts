/** Reseal: every envelope of a file opened and sealed anew where it stands; every other byte stays. */

import { utf8 } from "../base/bytes.ts";
import { KeywardError } from "../base/errors.ts";
import type { Random } from "../crypto/random.ts";
import { parseEnvelope } from "../formats/hpke/hpke.ts";
import { type Found, findEnvelopesInBytes, replaceEnvelopes } from "../formats/secretary/recognise.ts";
import { createLines } from "./lines.ts";
import { openNamed } from "./open-text.ts";
import { allOrNone, type Opener } from "./opener.ts";
import type { Sealer } from "./sealing.ts";
import { variableBeside } from "./variable-beside.ts";

export interface Resealing {
  readonly opener: Opener;
  readonly sealer: Sealer;
  readonly random: Random;
  /** For every envelope, instead of the name beside it. */
  readonly name?: string;
}

export interface Resealed {
  /** The whole file; `null` when nothing is to be done. */
  readonly content: Uint8Array | null;
  /** Envelopes in the file. */
  readonly found: number;
  /** Those that were not sealed to the new keys before. */
  readonly changed: number;
  /** Of these, how many have no name that they could be bound to. */
  readonly unnamed: number;
}

/** Envelopes that are opened at a time. */
const BATCH = 256;

/** @throws KeywardError of the first envelope that does not open: then nothing of the file is changed. */
export async function resealFile(content: Buffer, shown: string, resealing: Resealing): Promise<Resealed> {
  const all = findEnvelopesInBytes(content);
  const latin1 = all.length === 0 ? "" : content.toString("latin1");
  const lineAt = createLines(latin1);
  const old = all.filter((found) => !isCurrent(found, resealing.sealer));
  const places = old.map((found) => ({
    found,
    variable: resealing.name ?? variableBeside(latin1, found),
    what: `${shown}:${lineAt(found.start)}`,
  }));
  const unnamed = resealing.sealer.bound ? places.filter(({ variable }) => variable === "").length : 0;
  const counts = { found: all.length, changed: old.length, unnamed };
  if (old.length === 0) return { ...counts, content: null };
  const texts: Uint8Array[] = [];
  for (let at = 0; at < places.length; at += BATCH) {
    const batch = places.slice(at, at + BATCH);
    const wanted = batch.map(({ found, variable, what }) => ({ envelope: found.envelope, variable, what }));
    const values = allOrNone(await openNamed(wanted, resealing.opener));
    for (const [i, value] of values.entries()) {
      const { variable } = batch[i] as (typeof batch)[number];
      texts.push(utf8(await resealing.sealer.seal(variable, value.reveal(), resealing.random)));
      value.wipe();
    }
  }
  return { ...counts, content: replaceEnvelopes(content, old, texts).reveal() };
}

/** Sealed to the new keys already. What does not say by whom and to whom it was sealed is sealed anew. */
function isCurrent({ type, envelope }: Found, { about }: Sealer): boolean {
  if (type !== "HPKE" || about.format !== "hpke") return false;
  try {
    const { recipient, writer } = parseEnvelope(envelope, "envelope");
    return recipient === about.recipient && writer === about.writer;
  } catch (error) {
    if (error instanceof KeywardError) return false;
    throw error;
  }
}
