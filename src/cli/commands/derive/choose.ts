/** Which key `keyward derive` derives: a realm of the ledger, or one that is said to be in none. */
import { KeywardError } from "../../../base/errors.ts";
import { integer } from "../../../command/read-flags.ts";
import type { World } from "../../../command/world.ts";
import type { OpenedSeed } from "../../../derive/opened.ts";
import { type LedgerFlags, readLedger } from "../../../machine/ledger/ledger.ts";
import type { SeedFlags } from "../../../machine/open-seed.ts";
import { kindOf } from "../../../machine/realm-kind.ts";
import { printable } from "../../../model/name.ts";
import type { Derivation, KeyEncoding, RealmKind } from "../../../model/realm.ts";
import { assertEncoding, defaultEncoding, encodingsOf } from "../../../seed/encodings.ts";
import { LEDGER_REALM } from "../../../seed/ledger.ts";
import { lookUp } from "../../../seed/realms.ts";

export interface ChoiceFlags extends SeedFlags, LedgerFlags {
  readonly version?: string;
  readonly unlisted?: boolean;
  readonly kind?: RealmKind["kind"];
  readonly length?: string;
  readonly classes?: string;
  readonly specials?: string;
  readonly purpose?: string;
  readonly format?: KeyEncoding;
  readonly public?: boolean;
  readonly fingerprint?: boolean;
}

export interface Chosen {
  readonly derivation: Derivation;
  readonly version: number;
  /** Of which half, and how it is written. */
  readonly half: "secret" | "public";
  readonly encoding: KeyEncoding;
}

/**
 * @param seed - Absent: it is not open yet. What is wrong with the choice is said before anybody is asked for a
 *   passphrase, or a search for primes begins; then it is made again with the seed, which proves the ledger.
 * @throws KeywardError `not-found` for a realm that is not listed; `usage`; what `readLedger` throws.
 */
export async function choose(
  name: string,
  flags: ChoiceFlags,
  world: World,
  seed?: OpenedSeed,
): Promise<Chosen> {
  const { derivation, version, encoding } = flags.unlisted
    ? unlisted(name, flags, seed)
    : await listed(name, flags, world, seed);
  return { derivation, version, ...writtenAs(derivation.kind.kind, flags, encoding) };
}

interface Found extends Pick<Chosen, "derivation" | "version"> {
  readonly encoding: KeyEncoding;
}

async function listed(name: string, flags: ChoiceFlags, world: World, seed?: OpenedSeed): Promise<Found> {
  const version = integer(flags.version, "--version", 1);
  const stray = (["length", "classes", "specials", "purpose"] as const).find((flag) => flags[flag]);
  if (stray !== undefined)
    throw new KeywardError("usage", `--${stray} goes with --unlisted`, {
      hint: "what a listed realm is stands in the ledger: keyward realm show REALM",
    });
  const found = lookUp(await readLedger(flags, world, seed), name, version, world.clock());
  const { kind } = found.derivation.kind;
  if (flags.kind !== undefined && flags.kind !== kind)
    throw new KeywardError("usage", `realm ${printable(name)}: is listed as ${kind}, not as ${flags.kind}`);
  return { derivation: found.derivation, version: found.version, encoding: found.realm.encoding };
}

function unlisted(name: string, flags: ChoiceFlags, seed?: OpenedSeed): Found {
  if (name === LEDGER_REALM)
    throw new KeywardError("usage", `realm ${printable(LEDGER_REALM)}: is the ledger's own`);
  const kind = kindOf(flags);
  const derivation = {
    scheme: seed?.scheme ?? "keyward-1",
    realm: name,
    kind,
    purpose: flags.purpose ?? "",
  } as const;
  return {
    derivation,
    version: integer(flags.version, "--version", 1) ?? 1,
    encoding: defaultEncoding(kind.kind),
  };
}

/** @param usual - How the secret half is written when nobody says. */
function writtenAs(
  kind: RealmKind["kind"],
  flags: ChoiceFlags,
  usual: KeyEncoding,
): Pick<Chosen, "half" | "encoding"> {
  const { format, fingerprint = false } = flags;
  if (fingerprint && (format !== undefined || flags.public))
    throw new KeywardError("usage", "--fingerprint goes with neither --format nor --public");
  const half = fingerprint || flags.public || format === "authorized-keys" ? "public" : "secret";
  const has = encodingsOf(kind)[half];
  const encoding = format ?? (has.includes(usual) ? usual : (has[0] ?? "pem"));
  assertEncoding(kind, half, encoding);
  return { half, encoding };
}
