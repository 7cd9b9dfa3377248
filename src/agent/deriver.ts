/**
 * Deriver: makes the keys whose value the server does not know, from this machine's own seed, and proves them. The
 * seed is opened when it is needed and closed again.
 *
 * Proofs: docs/formats/derived-proof.md.
 */
import { createPrivateKey, createPublicKey } from "node:crypto";
import type { BodyOf } from "../api/shapes.ts";
import { toBase64 } from "../base/bytes.ts";
import { isKeywardError, KeywardError } from "../base/errors.ts";
import type { Secret } from "../base/secret.ts";
import { proveDerived, signs } from "../formats/derived-proof/derived-proof.ts";
import type { DerivedAs, VersionNumber } from "../model/key.ts";
import type { KeyName, NodeName } from "../model/name.ts";
import { isReserved } from "../model/realm.ts";
import type { SeedFacts } from "../model/seed-place.ts";
import { encodeKey, type MachineSeed, publicHalf } from "../seed/seed.ts";

/** Where this machine's seed is, and what opens it. */
export interface SeedSource {
  /** What the sealed seed says of itself, without opening it; `null` when there is none. @throws KeywardError `local` */
  look(): Promise<SeedFacts | null>;
  /** The caller disposes of it. @throws KeywardError `not-found`, `usage`, `wrong-key`, `integrity`, `local` */
  open(): Promise<MachineSeed>;
}

/** How a value on the disk was made. */
export interface MadeFrom extends DerivedAs {
  /** The seed's id. */
  readonly seed: string;
  /** SubjectPublicKeyInfo, DER in base64; absent for kinds without a public half. */
  readonly public?: string;
}

export interface ToDerive {
  readonly key: KeyName;
  readonly version: VersionNumber;
  readonly derived: DerivedAs;
}

/** `value` as the file will hold it; the caller wipes it. */
export type Made = { readonly value: Secret; readonly from: MadeFrom } | { readonly error: KeywardError };

/** What lies on the disk; `value`: as the file holds it. */
export interface ToProve {
  readonly key: KeyName;
  readonly version: VersionNumber;
  readonly from: MadeFrom;
  readonly value: Secret;
}

type Proofs = BodyOf<"agent.report">["proofs"];

export interface Deriver {
  /** The id of the seed that is there now; `null` when there is none, or it cannot be looked at. */
  seedNow(): Promise<string | null>;
  /** In the order of what is wanted. What cannot be made has its error; none of them stops the others. */
  make(wanted: readonly ToDerive[]): Promise<Made[]>;
  /** What is not of the seed of now, or not as that makes it, is left out. */
  prove(challenge: Uint8Array, node: NodeName, held: readonly ToProve[]): Promise<Proofs>;
}

/** RSA is searched for; all others take no time. */
const LIMIT_MS = 120_000;

/** @param source - `null`: nothing is derived here, whatever a grant says. */
export function createDeriver(source: SeedSource | null): Deriver {
  async function makeOne({ seed }: MachineSeed, { version, derived }: ToDerive): Promise<Made> {
    const { derivation, encoding } = derived;
    if (isReserved(derivation.realm)) throw new KeywardError("denied", "the realm is the node's own");
    using value = await seed.derive(derivation, version, { signal: AbortSignal.timeout(LIMIT_MS) });
    const half = publicHalf(derivation, value);
    const from = {
      derivation,
      encoding,
      seed: seed.id,
      ...(half === null ? {} : { public: spkiOf(half.pem) }),
    };
    return { value: encodeKey(derivation, value, encoding), from };
  }

  async function proveOne(
    { seed, facts }: MachineSeed,
    challenge: Uint8Array,
    node: NodeName,
    { key, version, from, value }: ToProve,
  ): Promise<Proofs> {
    const { derivation, encoding } = from;
    const { kind } = derivation.kind;
    if (from.seed !== seed.id) return [];
    const shown = {
      seed: seed.id,
      generation: facts.generation,
      tag: seed.tag(derivation, version),
      ...(from.public === undefined ? {} : { public: from.public }),
    };
    const of = { node, key, version, shown };
    const sent = (proof: Uint8Array) => [{ key, version, proof: toBase64(proof), shown }];
    if (!signs(kind)) return sent(proveDerived(challenge, kind, of));
    using made = await seed.derive(derivation, version);
    using again = encodeKey(derivation, made, encoding);
    if (!again.equals(value)) return [];
    using pem = encodeKey(derivation, made, "pem");
    const privateKey = createPrivateKey(
      Buffer.from(pem.reveal().buffer, pem.reveal().byteOffset, pem.length),
    );
    return sent(proveDerived(challenge, kind, of, privateKey));
  }

  return {
    async seedNow() {
      try {
        return (await source?.look())?.id ?? null;
      } catch (error) {
        if (isKeywardError(error)) return null;
        throw error;
      }
    },
    async make(wanted) {
      if (wanted.length === 0) return [];
      if (source === null)
        return wanted.map(() => ({ error: new KeywardError("denied", "this agent derives no keys") }));
      try {
        using opened = await source.open();
        const made: Made[] = [];
        for (const one of wanted) made.push(await makeOne(opened, one).catch(failed));
        return made;
      } catch (error) {
        const one = failed(error);
        return wanted.map(() => one);
      }
    },
    async prove(challenge, node, held) {
      if (held.length === 0 || source === null) return [];
      using opened = await source.open();
      const proofs: Proofs = [];
      for (const one of held) proofs.push(...(await proveOne(opened, challenge, node, one)));
      return proofs;
    },
  };
}

/** The server is told the message alone, so the next step goes into it. */
function failed(error: unknown): { error: KeywardError } {
  if (!isKeywardError(error)) throw error;
  const text = error.hint === undefined ? error.message : `${error.message}; ${error.hint}`;
  const message = isKeywardError(error, "not-found") ? `this node has no seed: ${text}` : text;
  return { error: new KeywardError(error.code, message, { cause: error }) };
}

function spkiOf(pem: string): string {
  return toBase64(createPublicKey(pem).export({ format: "der", type: "spki" }));
}
