/** How a seed looks to a person: what is safe to show, and nothing else. */
import { toHex } from "../../../base/bytes.ts";
import type { Block } from "../../../command/output.ts";
import type { Cell } from "../../../command/terminal.ts";
import { sha256 } from "../../../crypto/hash.ts";
import type { SeedFacts, SeedOpener, SeedPlace } from "../../../model/seed-place.ts";

/** For `-o json`. */
export function factsOf(
  { scheme, id, generation, opener }: SeedFacts,
  place: string,
): Record<string, unknown> {
  return { id, scheme, generation, place, opener };
}

export function factsBlock({ scheme, id, generation, opener }: SeedFacts, place: string): Block {
  const fields: [string, Cell | undefined][] = [
    ["seed", id],
    ["scheme", scheme],
    ["generation", String(generation)],
    ["place", place],
    ["opened by", openedBy(opener)],
  ];
  return { kind: "fields", fields };
}

export function openedBy(opener: SeedOpener): string {
  switch (opener.kind) {
    case "passphrase":
      return `a passphrase, scrypt N=${opener.N} r=${opener.r} p=${opener.p}`;
    case "key-file":
      return "a key file, HKDF-SHA-256";
    case "machine":
      return "this machine, by its SMBIOS product UUID and board serial";
  }
}

/** What is not as it should be, or what to know. */
export function warningsBlock(warnings: readonly string[]): Block {
  return {
    kind: "lines",
    lines: warnings.map((text) => [{ text: "warning: ", style: "yellow" as const }, text]),
  };
}

/** What follows from the facts alone. */
export function warningsOf({ scheme, opener }: SeedFacts, { kind }: Pick<SeedPlace, "kind">): string[] {
  const warnings: string[] = [];
  if (scheme === "gokey-0.1")
    warnings.push(
      "gokey-0.1: every key follows from the public part of the gokey seed file (CVE-2025-13353): rotate them all",
    );
  if (opener.kind === "machine" && kind === "file")
    warnings.push("who has this disk and knows the machine's UUID and serial has the seed");
  return warnings;
}

/** Tells two copies of one envelope from two envelopes of one seed. */
export function fingerprint(envelope: Uint8Array): string {
  return toHex(sha256(envelope)).slice(0, 16);
}
