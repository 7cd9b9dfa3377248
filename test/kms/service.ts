/**
 * What AWS KMS does with keys and blobs, as its API reference says, in memory: for tests on a machine that has no
 * account. It holds itself to `contract.ts`, as moto does.
 *
 * A blob is opaque to whoever gets it: key id, version of the key's material, nonce, AES-256-GCM; the associated
 * data is all before the nonce and the context in canonical order.
 */
import { createCipheriv, createDecipheriv, randomBytes, randomUUID } from "node:crypto";

export class ServiceError extends Error {
  readonly status: number;
  constructor(name: string, message: string, status = 400) {
    super(message);
    this.name = name;
    this.status = status;
  }
}

type State = "Enabled" | "Disabled" | "PendingDeletion";

interface Key {
  readonly id: string;
  readonly arn: string;
  readonly material: Buffer[];
  state: State;
}

export type Body = Readonly<Record<string, unknown>>;
type Context = Readonly<Record<string, string>>;

export interface Service {
  /** @throws ServiceError */
  run(operation: string, body: Body): Body;
  /** For tests that need one without a call. @returns The ARN. */
  createKey(): string;
}

const ACCOUNT = "111122223333";

export function createService(region: string): Service {
  const keys = new Map<string, Key>();
  const aliases = new Map<string, string>();
  const prefix = `arn:aws:kms:${region}:${ACCOUNT}`;

  function make(): Key {
    const id = randomUUID();
    const key: Key = { id, arn: `${prefix}:key/${id}`, material: [randomBytes(32)], state: "Enabled" };
    keys.set(id, key);
    return key;
  }

  function find(given: unknown): Key {
    if (typeof given !== "string" || given.length < 1 || given.length > 2048) throw invalid("KeyId");
    const local = given.startsWith("arn:") ? within(given) : given;
    const id = local.startsWith("alias/") ? aliases.get(local) : local.replace(/^key\//, "");
    const key = keys.get(id ?? "");
    if (key !== undefined) return key;
    throw new ServiceError("NotFoundException", `Key '${given}' does not exist`);
  }

  function within(arn: string): string {
    if (arn.startsWith(`${prefix}:`)) return arn.slice(prefix.length + 1);
    throw new ServiceError("NotFoundException", `Invalid arn ${arn}`);
  }

  function usable(key: Key): Key {
    if (key.state === "Disabled") throw new ServiceError("DisabledException", `${key.arn} is disabled.`);
    if (key.state === "PendingDeletion")
      throw new ServiceError("KMSInvalidStateException", `${key.arn} is pending deletion.`);
    return key;
  }

  function wrap(key: Key, context: Context, plain: Uint8Array): Buffer {
    const head = Buffer.concat([Buffer.from(key.id), Buffer.of(key.material.length - 1)]);
    const nonce = randomBytes(12);
    const cipher = createCipheriv("aes-256-gcm", key.material.at(-1) ?? randomBytes(32), nonce);
    cipher.setAAD(Buffer.concat([head, canonical(context)]));
    return Buffer.concat([head, nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
  }

  function unwrap(blob: Buffer, context: Context, wanted: unknown): { key: Key; plain: Buffer } {
    const key = keys.get(blob.subarray(0, 36).toString("latin1"));
    const material = key?.material[blob[36] ?? -1];
    if (key === undefined || material === undefined || blob.length < 65) throw badCiphertext();
    if (wanted !== undefined && find(wanted) !== key)
      throw new ServiceError("IncorrectKeyException", "The key ID in the request does not identify the key");
    usable(key);
    const decipher = createDecipheriv("aes-256-gcm", material, blob.subarray(37, 49));
    decipher.setAAD(Buffer.concat([blob.subarray(0, 37), canonical(context)]));
    decipher.setAuthTag(blob.subarray(-16));
    try {
      return { key, plain: Buffer.concat([decipher.update(blob.subarray(49, -16)), decipher.final()]) };
    } catch {
      throw badCiphertext();
    }
  }

  function dataKey(body: Body): { key: Key; plain: Buffer; blob: Buffer } {
    const { NumberOfBytes: size, KeySpec: spec } = body;
    if ((size === undefined) === (spec === undefined)) throw invalid("NumberOfBytes or KeySpec");
    const length = size ?? { AES_256: 32, AES_128: 16 }[String(spec)];
    if (typeof length !== "number" || !Number.isInteger(length) || length < 1 || length > 1024)
      throw invalid("NumberOfBytes");
    const key = usable(find(body.KeyId));
    const plain = randomBytes(length);
    return { key, plain, blob: wrap(key, contextOf(body.EncryptionContext), plain) };
  }

  const state = (value: State) => (body: Body) => {
    const key = find(body.KeyId);
    key.state = value;
    return { KeyId: key.arn, KeyState: value };
  };
  const describe = (key: Key): Body => ({
    KeyMetadata: {
      AWSAccountId: ACCOUNT,
      KeyId: key.id,
      Arn: key.arn,
      Enabled: key.state === "Enabled",
      KeyState: key.state,
      KeyUsage: "ENCRYPT_DECRYPT",
      KeySpec: "SYMMETRIC_DEFAULT",
    },
  });

  const operations: Readonly<Record<string, (body: Body) => Body>> = {
    CreateKey: () => describe(make()),
    DescribeKey: (body) => describe(find(body.KeyId)),
    EnableKey: state("Enabled"),
    DisableKey: state("Disabled"),
    ScheduleKeyDeletion: state("PendingDeletion"),
    CancelKeyDeletion: state("Disabled"),
    ListKeys: () => ({ Keys: [...keys.values()].map(({ id, arn }) => ({ KeyId: id, KeyArn: arn })) }),
    CreateAlias({ AliasName: name, TargetKeyId: target }) {
      if (typeof name !== "string" || !/^alias\/[A-Za-z0-9/_-]+$/.test(name)) throw invalid("AliasName");
      if (aliases.has(name)) throw new ServiceError("AlreadyExistsException", `${name} exists`);
      aliases.set(name, find(target).id);
      return {};
    },
    UpdateAlias({ AliasName: name, TargetKeyId: target }) {
      if (!aliases.has(String(name))) throw new ServiceError("NotFoundException", `${name} is not found`);
      aliases.set(String(name), find(target).id);
      return {};
    },
    RotateKeyOnDemand(body) {
      const key = usable(find(body.KeyId));
      key.material.push(randomBytes(32));
      return { KeyId: key.arn };
    },
    Encrypt(body) {
      const plain = bytesOf(body.Plaintext, "Plaintext", 4096);
      const key = usable(find(body.KeyId));
      return { CiphertextBlob: text(wrap(key, contextOf(body.EncryptionContext), plain)), ...named(key) };
    },
    Decrypt(body) {
      const blob = bytesOf(body.CiphertextBlob, "CiphertextBlob", 6144);
      const { key, plain } = unwrap(blob, contextOf(body.EncryptionContext), body.KeyId);
      return { Plaintext: text(plain), ...named(key) };
    },
    GenerateDataKey(body) {
      const { key, plain, blob } = dataKey(body);
      return { CiphertextBlob: text(blob), Plaintext: text(plain), KeyId: key.arn };
    },
    GenerateDataKeyWithoutPlaintext(body) {
      const { key, blob } = dataKey(body);
      return { CiphertextBlob: text(blob), KeyId: key.arn };
    },
    ReEncrypt(body) {
      const blob = bytesOf(body.CiphertextBlob, "CiphertextBlob", 6144);
      const { key, plain } = unwrap(blob, contextOf(body.SourceEncryptionContext), body.SourceKeyId);
      const to = usable(find(body.DestinationKeyId));
      const made = wrap(to, contextOf(body.DestinationEncryptionContext), plain);
      return { CiphertextBlob: text(made), SourceKeyId: key.arn, KeyId: to.arn };
    },
  };

  return {
    run(operation, body) {
      const work = Object.hasOwn(operations, operation) ? operations[operation] : undefined;
      if (work === undefined) throw new ServiceError("UnknownOperationException", "");
      return work(body);
    },
    createKey: () => make().arn,
  };
}

function named(key: Key): Body {
  return { KeyId: key.arn, EncryptionAlgorithm: "SYMMETRIC_DEFAULT" };
}

function canonical(context: Context): Buffer {
  const pairs = Object.entries(context).sort(([a], [b]) => (a < b ? -1 : 1));
  return Buffer.from(JSON.stringify(pairs));
}

function contextOf(given: unknown): Context {
  if (given === undefined || given === null) return {};
  const entries = Object.entries(given as object);
  if (typeof given !== "object" || entries.some(([, value]) => typeof value !== "string"))
    throw new ServiceError("SerializationException", "EncryptionContext");
  return Object.fromEntries(entries);
}

function bytesOf(given: unknown, name: string, limit: number): Buffer {
  if (typeof given !== "string" || !/^[A-Za-z0-9+/]*={0,2}$/.test(given))
    throw new ServiceError("SerializationException", name);
  const bytes = Buffer.from(given, "base64");
  if (bytes.length < 1 || bytes.length > limit) throw invalid(name);
  return bytes;
}

function text(bytes: Buffer): string {
  return bytes.toString("base64");
}

function invalid(name: string): ServiceError {
  return new ServiceError("ValidationException", `1 validation error detected: Value at '${name}'`);
}

function badCiphertext(): ServiceError {
  return new ServiceError("InvalidCiphertextException", "");
}
