/**
 * The keys of `ENC[HPKE,…]`, and where they are looked for: what was typed, else a variable, else a file in
 * `./keys`. A place may hold several keys, old and new: one PEM block after the other, or separated by blanks.
 */
import { KeywardError } from "../base/errors.ts";
import { variable } from "../command/environment.ts";
import { createKeyRing, type KeyRing } from "../formats/hpke/key-ring.ts";
import {
  parseRecipient,
  parseRecipientPublicKey,
  parseWriter,
  parseWriterPublicKey,
  type Recipient,
  type RecipientPublicKey,
  type Writer,
  type WriterPublicKey,
} from "../formats/hpke/keys.ts";
import { findKey, type KeyWorld, type ParseKey } from "./find-key.ts";

export interface TypedHpkeKeys {
  readonly environment?: string | undefined;
  /** Files or variables of the environment's private keys. */
  readonly keys?: readonly string[] | undefined;
  /** Files or variables of trusted writers' public keys. */
  readonly writers?: readonly string[] | undefined;
}

export interface HpkeKeys {
  readonly environment: string;
  readonly ring: KeyRing;
}

/** `null` when the environment has no name, or there is no key of it. */
export function findHpkeKeys(world: KeyWorld, typed: TypedHpkeKeys = {}): HpkeKeys | null {
  return hpkeKeys(
    typed.environment ?? variable(world.env, "KEYWARD_ENVIRONMENT"),
    findRecipients(world, typed.keys),
    findWriters(world, typed.writers),
  );
}

export function hpkeKeys(
  environment: string | undefined,
  recipients: readonly Recipient[],
  writers: readonly WriterPublicKey[],
): HpkeKeys | null {
  if (environment === undefined || recipients.length === 0) return null;
  return { environment, ring: createKeyRing(recipients, writers) };
}

export function findRecipients(world: KeyWorld, typed?: readonly string[]): readonly Recipient[] {
  return findAll(typed, privatePlaces, several(parseRecipient), true, world);
}

export function findWriters(world: KeyWorld, typed?: readonly string[]): readonly WriterPublicKey[] {
  return findAll(typed, writerPlaces, several(parseWriterPublicKey), false, world);
}

const privatePlaces = ["ENVIRONMENT_PRIVATE_KEY", "./keys/environment-private-key.pem"];
const writerPlaces = ["WRITER_PUBLIC_KEY", "./keys/writer-public-key.pem"];

/** Each that was typed; else the first place that is there. */
function findAll<K>(
  typed: readonly string[] | undefined,
  after: readonly string[],
  parse: ParseKey<readonly K[]>,
  secret: boolean,
  world: KeyWorld,
): readonly K[] {
  if (typed === undefined) return findKey({ typed: "", after, secret }, parse, world) ?? [];
  return typed.flatMap((one) => findKey({ typed: one, after: [], secret }, parse, world) ?? []);
}

export interface HpkeSealing {
  readonly environment: string;
  readonly recipient: RecipientPublicKey;
  readonly writer: Writer;
}

export interface SealingFlags {
  readonly environment?: string;
  readonly to?: string;
  readonly as?: string;
}

/** @throws KeywardError `not-found`, `usage`, `local`, `malformed` */
export function findHpkeSealing(world: KeyWorld, typed: SealingFlags): HpkeSealing {
  const environment = typed.environment ?? variable(world.env, "KEYWARD_ENVIRONMENT");
  if (environment === undefined)
    throw new KeywardError("usage", "the environment has no name", {
      hint: "--environment prod, or KEYWARD_ENVIRONMENT: a value opens in the environment that it is sealed for",
    });
  const { to = "", as = "" } = typed;
  const recipient = findKey(
    { typed: to, after: recipientPlaces, secret: false },
    parseRecipientPublicKey,
    world,
  );
  const writer = findKey({ typed: as, after: signingPlaces, secret: true }, parseWriter, world);
  if (recipient === null) throw missing("the environment's public key", "--to", recipientPlaces);
  if (writer === null) throw missing("the writer's private key", "--as", signingPlaces);
  return { environment, recipient, writer };
}

const recipientPlaces = ["ENVIRONMENT_PUBLIC_KEY", "./keys/environment-public-key.pem"];
const signingPlaces = ["WRITER_PRIVATE_KEY", "./keys/writer-private-key.pem"];

function missing(what: string, flag: string, [name = "", file = ""]: readonly string[]): KeywardError {
  return new KeywardError("not-found", `${what} is not here`, {
    hint: `${flag} FILE, or ${name}, or ${file}: keyward genkeys makes keys`,
  });
}

function several<K>(parse: ParseKey<K>): ParseKey<readonly K[]> {
  return (text, what) => {
    const blocks = text.match(/-----BEGIN [^-]+-----[^-]*-----END [^-]+-----/g);
    return (blocks ?? text.trim().split(/[\s,]+/)).map((one) => parse(one, what));
  };
}
