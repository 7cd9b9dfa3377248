/**
 * Opening: one sealed value opened with the keys at hand, whichever of the three kinds it is. Several master and
 * config keys may be at hand at once, for a rotation: `ENC[NACL,…]` says nothing of its keys, so each pair is tried;
 * what opened it is told, so that one sees when an old key is no longer needed.
 */
import { KeywardError } from "../base/errors.ts";
import type { Secret } from "../base/secret.ts";
import { openEnvelope, parseEnvelope as parseHpke } from "../formats/hpke/hpke.ts";
import type { KeyRing } from "../formats/hpke/key-ring.ts";
import { type BoxKey, type PrivateKey, type PublicKey, publicKeyOf } from "../formats/secretary/keys.ts";
import { type KmsEnvelope, openKms } from "../formats/secretary/kms.ts";
import { type NaclEnvelope, tryNacl } from "../formats/secretary/nacl.ts";
import { parseEnvelope } from "../formats/secretary/secretary.ts";
import type { Kms } from "../model/kms.ts";
import { type BoxKeys, createBoxKeys } from "./box-keys.ts";
import { keyFingerprint } from "./fingerprint.ts";

/** All optional: a kind of envelope whose keys are not here is refused by name. */
export interface OpeningNeeds {
  /** Recipients of `ENC[NACL,…]`, the newest first. */
  readonly masters?: readonly PrivateKey[];
  /** Senders of `ENC[NACL,…]`, the newest first. */
  readonly configs?: readonly PublicKey[];
  readonly kms?: Pick<Kms, "decrypt">;
  readonly hpke?: { readonly ring: KeyRing; readonly environment: string };
  /** Shared with others who derive keys; made here unless given. */
  readonly boxKeys?: BoxKeys;
}

/** Where an envelope was found. */
export interface Found {
  /** The variable's name; empty for standard input, a file, an argument. */
  readonly variable: string;
  /** Names the place in errors. */
  readonly what: string;
}

export interface OpenedValue {
  /** The caller wipes it. */
  readonly value: Secret;
  /** Which keys opened it, as the audit names them. */
  readonly keys: string;
}

export interface Opening {
  /**
   * @param envelope - Exactly one, without blanks.
   * @throws KeywardError `malformed`, `too-large`; `wrong-key` when no key here opens it, or none is here;
   *   `integrity` when an HPKE envelope was changed or moved; what KMS throws.
   */
  open(envelope: string, found: Found): Promise<OpenedValue>;
}

export function createOpening(needs: OpeningNeeds): Opening {
  const { masters = [], configs = [], hpke, kms, boxKeys = createBoxKeys() } = needs;
  const pairs = masters.flatMap((master) => configs.map((config) => pairOf(master, config, boxKeys)));

  function openNacl(envelope: NaclEnvelope, what: string): OpenedValue {
    for (const { key, keys } of pairs) {
      const value = tryNacl(key(), envelope);
      if (value !== null) return { value, keys };
    }
    throw new KeywardError("wrong-key", `${what}: sealed with other keys, or changed`, {
      hint: "check the config public key and the master private key",
    });
  }

  function openHpke(text: string, { variable, what }: Found): OpenedValue {
    if (hpke === undefined) throw notHere(what, "ENC[HPKE,…]", "an environment's key and its writers' keys");
    const envelope = parseHpke(text, what);
    const place = { environment: hpke.environment, variable };
    const value = openEnvelope(envelope, hpke.ring, place, what);
    return { value, keys: `hpke:${envelope.recipient}/${envelope.writer}` };
  }

  async function openByKms(envelope: KmsEnvelope, what: string): Promise<OpenedValue> {
    if (kms === undefined) throw notHere(what, "ENC[KMS,…]", "AWS KMS");
    const { plain, keyArn } = await kms.decrypt(envelope.encryptedDataKey);
    using dataKey = plain;
    return { value: openKms(dataKey, envelope, what), keys: `kms:${keyArn}` };
  }

  return {
    async open(envelope, found) {
      const { what } = found;
      if (envelope.startsWith("ENC[HPKE,")) return openHpke(envelope, found);
      if (envelope.startsWith("ENC[NACL,") && pairs.length === 0)
        throw notHere(what, "ENC[NACL,…]", "a config public key and a master private key");
      const parsed = parseEnvelope(envelope, what);
      if (parsed.kind === "nacl") return openNacl(parsed.nacl, what);
      return await openByKms(parsed.kms, what);
    },
  };
}

interface Pair {
  readonly key: () => BoxKey;
  readonly keys: string;
}

function pairOf(master: PrivateKey, config: PublicKey, boxKeys: BoxKeys): Pair {
  const keys = `nacl:${keyFingerprint(publicKeyOf(master))}/${keyFingerprint(config)}`;
  return { key: () => boxKeys.between(master, config), keys };
}

function notHere(what: string, kind: string, needed: string): KeywardError {
  return new KeywardError("wrong-key", `${what}: not configured for ${kind}`, { hint: `it needs ${needed}` });
}
