/** Unseal: from a sealed envelope to its seed, and back, with whatever opens it. */
import { KeywardError } from "../base/errors.ts";
import type { Secret } from "../base/secret.ts";
import type { Random } from "../crypto/random.ts";
import { openedSeed } from "../derive/opened.ts";
import { openSeedEnvelope, readSeedFacts, sealSeed } from "../formats/seed/seed.ts";
import type { SeedFacts, SeedOpener } from "../model/seed-place.ts";
import { assertHardToGuess, stripKeyFile } from "../seal/file.ts";
import { assertPassphrase, normalisePassphrase } from "../seal/passphrase.ts";

/** What may open an envelope; each is asked for at most once, and only when the envelope names it. */
export interface Openers {
  /** Typed, or from a file. */
  passphrase?(): Promise<Secret>;
  /** The key file's content. */
  keyFile?(): Promise<Secret>;
  /** The machine's identity: `adapters/smbios/`. */
  machine?(): Promise<Secret>;
}

export interface UnsealedSeed {
  readonly facts: SeedFacts;
  /** As the envelope holds it: see formats/seed/envelope.ts. The caller wipes it. */
  readonly seed: Secret;
}

/**
 * @throws KeywardError `usage` when what opens it was not given; `wrong-key`, `integrity`, `malformed`, and what an
 *   opener throws.
 */
export async function unsealSeed(envelope: Uint8Array, openers: Openers): Promise<UnsealedSeed> {
  const facts = readSeedFacts(envelope);
  using input = await inputOf(facts.opener, openers);
  const seed = await openSeedEnvelope(envelope, input);
  if (idOf(facts, seed) === facts.id) return { facts, seed };
  seed.wipe();
  throw new KeywardError("integrity", "seed envelope: the seed in it is not the one that it names");
}

/**
 * Seal a seed anew.
 *
 * @param seed - Stays the caller's.
 * @throws KeywardError `usage` when the passphrase or key file is too easy to guess, or was not given.
 */
export async function sealAnew(
  { scheme, generation }: Pick<SeedFacts, "scheme" | "generation">,
  seed: Secret,
  opener: SeedOpener,
  openers: Openers,
  random: Random,
): Promise<Uint8Array> {
  using input = await inputOf(opener, openers);
  if (opener.kind === "passphrase") assertPassphrase(input);
  if (opener.kind === "key-file") assertHardToGuess(input);
  const id = idOf({ scheme }, seed);
  return await sealSeed({ scheme, id, generation, opener }, seed, input, random);
}

function idOf({ scheme }: Pick<SeedFacts, "scheme">, seed: Secret): string {
  // Not disposed of: that would wipe the seed, which is the caller's.
  return openedSeed(scheme, seed).id;
}

async function inputOf({ kind }: SeedOpener, openers: Openers): Promise<Secret> {
  const missing = (what: string, hint: string): KeywardError =>
    new KeywardError("usage", `seed: ${what} opens it, and none was given`, { hint });
  switch (kind) {
    case "passphrase": {
      if (openers.passphrase === undefined)
        throw missing("a passphrase", "type it at the terminal, or give --passphrase-file FILE");
      using typed = await openers.passphrase();
      return normalisePassphrase(typed);
    }
    case "key-file": {
      if (openers.keyFile === undefined) throw missing("a key file", "give --key-file FILE");
      return stripKeyFile(await openers.keyFile());
    }
    case "machine": {
      if (openers.machine === undefined)
        throw missing("this machine", "run it on the machine itself, as root");
      return await openers.machine();
    }
  }
}
