/**
 * Seal: what protects the root key at rest. A seal is a record that holds the root key, wrapped under a key
 * that is derived from something that is not in the store: a key file, a passphrase, a data key that AWS KMS
 * opens. Several seals may hold
 * the same root key; any one opens it.
 *
 *     derived key   80 bytes: a wrapping key of 64 (`wrap.ts`), then a check value of 16
 *
 * The check value is stored, so that a wrong file or passphrase is told from a damaged record.
 * Spec: docs/formats/sealed.md.
 */
import { fields, fromBase64, toBase64, toHex } from "../base/bytes.ts";
import { KeywardError } from "../base/errors.ts";
import { canonicalJson } from "../base/json.ts";
import { Secret } from "../base/secret.ts";
import type { UnixMs } from "../base/time.ts";
import { hkdf } from "../crypto/hkdf.ts";
import type { Random } from "../crypto/random.ts";
import { assertCost, type ScryptCost } from "../crypto/scrypt.ts";
import { type Kms, parseKmsKeyArn } from "../model/kms.ts";
import { createTable } from "../store/table.ts";
import { deriveFromDataKey, makeDataKey, openDataKey } from "./aws-kms.ts";
import { assertHardToGuess, deriveFromFile, stripKeyFile } from "./file.ts";
import { assertPassphrase, stretchPassphrase } from "./passphrase.ts";
import { unwrap, WRAPPING_KEY_SIZE, wrap } from "./wrap.ts";

/** What opens a seal, as it comes from outside. Whoever hands it over wipes it. */
export type SealInput =
  | { readonly kind: "file"; readonly content: Secret }
  | { readonly kind: "passphrase"; readonly passphrase: Secret }
  /** `keyId` is for a new seal; one that is opened names its own key. */
  | { readonly kind: "aws-kms"; readonly kms: Kms; readonly keyId?: string };

export type SealKind = SealInput["kind"];

type Derivation =
  | { readonly kind: "file"; readonly salt: string }
  | { readonly kind: "passphrase"; readonly salt: string; readonly cost: ScryptCost }
  /** `key`: its ARN; `blob`: the wrapped data key, base64. */
  | { readonly kind: "aws-kms"; readonly salt: string; readonly key: string; readonly blob: string };

/** A seal as it is kept. */
export interface SealRow {
  readonly id: string;
  readonly created: UnixMs;
  readonly derivation: Derivation;
  /** 16 bytes of the derived key, base64. */
  readonly check: string;
  /** Which root key this is: `rootIdOf`. */
  readonly root: string;
  /** The wrapped root key, base64. */
  readonly box: string;
}

/** A seal as it is shown. */
export interface SealInfo {
  readonly id: string;
  readonly kind: SealKind;
  readonly created: UnixMs;
  /** For people: how the key is derived. */
  readonly detail: string;
}

export const seals = createTable<SealRow>("seals/", (row) => row.id);

const CHECK_SIZE = 16;
const SALT_SIZE = 16;

/** Tells one root key from another and gives nothing away: 16 bytes by HKDF, lower-case hex. */
export function rootIdOf(root: Secret): string {
  return toHex(hkdf(root.reveal(), new Uint8Array(0), fields("keyward/v1/root-id"), 16));
}

/** @throws KeywardError `usage` when the file or passphrase is too easy to guess; what KMS throws. */
export async function makeSeal(
  root: Secret,
  input: SealInput,
  options: { readonly random: Random; readonly created: UnixMs; readonly cost: ScryptCost },
): Promise<SealRow> {
  assertStrong(input);
  const { random, created, cost } = options;
  const id = `${input.kind}-${toHex(random(4))}`;
  const { derivation, ...made } = await makeKey(input, id, random(SALT_SIZE), cost);
  using key = made.key;
  const check = toBase64(key.reveal().subarray(WRAPPING_KEY_SIZE));
  const head = { id, created, derivation, check, root: rootIdOf(root) };
  return {
    ...head,
    box: toBase64(wrap(key.reveal().subarray(0, WRAPPING_KEY_SIZE), placeOf(head), root, random)),
  };
}

/**
 * @returns The root key, which the caller wipes; `null` when the input is not what made this seal.
 * @throws KeywardError `integrity` when the input is right and the record was changed; what KMS throws.
 */
export async function openSeal(row: SealRow, input: SealInput): Promise<Secret | null> {
  assertSound(row);
  using key = await openKey(input, row);
  if (key === null) return null;
  using check = Secret.copy(key.reveal().subarray(WRAPPING_KEY_SIZE));
  if (!check.equals(Secret.take(fromBase64(row.check, nameOf(row))))) return null;
  const box = fromBase64(row.box, nameOf(row));
  const root = unwrap(key.reveal().subarray(0, WRAPPING_KEY_SIZE), placeOf(row), box, nameOf(row));
  if (root.length === 32 && rootIdOf(root) === row.root) return root;
  root.wipe();
  throw damaged(row);
}

export function infoOf({ id, created, derivation }: SealRow): SealInfo {
  return { id, kind: derivation.kind, created, detail: detailOf(derivation) };
}

function detailOf(derivation: Derivation): string {
  switch (derivation.kind) {
    case "file":
      return "key file, HKDF-SHA-256";
    case "passphrase": {
      const { N, r, p } = derivation.cost;
      return `passphrase, scrypt N=${N} r=${r} p=${p}`;
    }
    case "aws-kms":
      return `AWS KMS, ${derivation.key}`;
  }
}

function assertStrong(input: SealInput): void {
  switch (input.kind) {
    case "file": {
      using content = stripKeyFile(Secret.copy(input.content.reveal()));
      assertHardToGuess(content);
      break;
    }
    case "passphrase":
      assertPassphrase(input.passphrase);
      break;
    case "aws-kms":
      if (input.keyId === undefined) throw new KeywardError("usage", "a seal by AWS KMS: no key id");
  }
}

const DERIVED_SIZE = WRAPPING_KEY_SIZE + CHECK_SIZE;

async function makeKey(
  input: SealInput,
  id: string,
  salt: Uint8Array,
  cost: ScryptCost,
): Promise<{ derivation: Derivation; key: Secret }> {
  const kept = { salt: toBase64(salt) };
  switch (input.kind) {
    case "file":
      return {
        derivation: { kind: "file", ...kept },
        key: deriveFromFile(input.content, salt, DERIVED_SIZE),
      };
    case "passphrase": {
      const key = await stretchPassphrase(input.passphrase, salt, cost, DERIVED_SIZE);
      return { derivation: { kind: "passphrase", ...kept, cost }, key };
    }
    case "aws-kms": {
      const { plain, key, blob } = await makeDataKey(input.kms, input.keyId ?? "", id);
      using dataKey = plain;
      const derivation = { kind: "aws-kms", ...kept, key, blob: toBase64(blob) } as const;
      return { derivation, key: deriveFromDataKey(dataKey, salt, DERIVED_SIZE) };
    }
  }
}

/** @returns `null` when the input is of another kind. */
async function openKey(input: SealInput, { id, derivation }: SealRow): Promise<Secret | null> {
  const salt = fromBase64(derivation.salt, "seal");
  switch (input.kind) {
    case "file":
      return derivation.kind === "file" ? deriveFromFile(input.content, salt, DERIVED_SIZE) : null;
    case "passphrase":
      if (derivation.kind !== "passphrase") return null;
      return await stretchPassphrase(input.passphrase, salt, derivation.cost, DERIVED_SIZE);
    case "aws-kms": {
      if (derivation.kind !== "aws-kms") return null;
      const { key, blob } = derivation;
      using plain = await openDataKey(input.kms, { key, blob: fromBase64(blob, "seal") }, id);
      return deriveFromDataKey(plain, salt, DERIVED_SIZE);
    }
  }
}

/** The associated data: all that the record says. */
function placeOf({ id, created, derivation, check, root }: Omit<SealRow, "box">): Uint8Array {
  return fields("keyward/v1", "root-key", canonicalJson({ id, created, derivation, check, root }));
}

/** @throws KeywardError `integrity` */
function assertSound(row: SealRow): void {
  const { derivation, check, root, box } = row;
  const texts = [derivation?.salt, check, root, box].every((text) => typeof text === "string");
  if (!texts) throw damaged(row);
  try {
    for (const text of [derivation.salt, check, box]) fromBase64(text, nameOf(row));
    assertDerivation(derivation, nameOf(row));
  } catch {
    throw damaged(row);
  }
}

/** @throws Error */
function assertDerivation(derivation: Derivation, what: string): void {
  switch (derivation.kind) {
    case "file":
      return;
    case "passphrase":
      assertCost(derivation.cost, what);
      return;
    case "aws-kms":
      if (fromBase64(derivation.blob, what).byteLength === 0) throw new Error("no data key");
      parseKmsKeyArn(derivation.key, what);
      return;
  }
  throw new Error("a kind that we do not know");
}

function nameOf({ id }: SealRow): string {
  return `seal ${id}`;
}

function damaged(row: SealRow): KeywardError {
  return new KeywardError("integrity", `${nameOf(row)}: the record was changed`, {
    hint: "open another seal, or restore the store from a backup",
  });
}
