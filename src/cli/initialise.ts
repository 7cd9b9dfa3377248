/** Initialise: the acts of `keyward init`, apart from the command, so that its help does not load them. */
import { existsSync } from "node:fs";
import path from "node:path";
import { toBase64, utf8 } from "../base/bytes.ts";
import { KeywardError } from "../base/errors.ts";
import type { Secret } from "../base/secret.ts";
import { parseDuration } from "../base/time.ts";
import { createKeyService } from "../command/key-service.ts";
import type { World } from "../command/world.ts";
import { replace, writeNew } from "../command/write-file.ts";
import { systemRandom } from "../crypto/random.ts";
import { readKeyFile } from "../seal/file.ts";
import type { SealInput, SealKind } from "../seal/seal.ts";
import type { Parts } from "../server/parts.ts";
import { createTlsFile } from "../server/tls-file.ts";
import { createTlsIdentities } from "../server/tls-identity.ts";
import { files, noteKeyFile } from "./data-directory.ts";
import { assertFlagsFit, kmsKeyId, newPassphrase } from "./seal-secret.ts";
import { localPrincipal, openHouse, quietLog } from "./serve.ts";
import { namesFor, writeCa } from "./server-names.ts";

export interface Wanted {
  readonly data: string;
  readonly kind: SealKind;
  readonly keyFile: string | undefined;
  readonly kmsKeyId?: string | undefined;
  readonly dryRun: boolean;
}

export interface Made {
  readonly data: string;
  /** Absent for other kinds of seal. */
  readonly keyFile?: string;
  /** Absent in a dry run. */
  readonly caFingerprint?: string;
}

/** Bytes of randomness in a key file that we make. */
const KEY_FILE_BYTES = 96;
const TOKEN_LIFE = parseDuration("365d");

/** @throws KeywardError `conflict` when there is a store already; `usage`, `local` */
export async function initialise(wanted: Wanted, world: World): Promise<Made> {
  const { data, kind, dryRun } = wanted;
  const flags = { "key-file": wanted.keyFile, "kms-key-id": wanted.kmsKeyId };
  assertFlagsFit(kind, flags);
  const keyId = kind === "aws-kms" ? kmsKeyId(flags) : undefined;
  const keyFile = kind === "file" ? (wanted.keyFile ?? path.join(data, files.sealKey)) : undefined;
  const made = { data, ...(keyFile === undefined ? {} : { keyFile }) };
  if (existsSync(path.join(data, files.token))) throw exists(data);
  if (dryRun) return made;
  const kms = createKeyService(world);
  const parts = await openHouse(data, quietLog, { kms });
  try {
    if (parts.authority.show().certificates.length > 0) throw hasNoToken(data);
    const input: SealInput =
      keyId !== undefined
        ? { kind: "aws-kms", kms, keyId }
        : keyFile === undefined
          ? await passphraseInput(world)
          : await fileInput(keyFile);
    if (wanted.keyFile !== undefined) noteKeyFile(data, wanted.keyFile);
    return { ...made, caFingerprint: await fill(parts, data, input) };
  } finally {
    await parts.close();
  }
}

/** @returns The CA's fingerprint. */
async function fill(parts: Parts, data: string, input: SealInput): Promise<string> {
  const { rootKey, authority, access } = parts;
  using _secret = secretOf(input);
  // One that was broken off between the root key and the CA is gone on with.
  if (rootKey.state === "uninitialised") await rootKey.initialise([input]);
  else await rootKey.unseal(input);
  await parts.afterUnseal();
  const caller = { by: localPrincipal() };
  await authority.initialise(caller);
  const { certificates } = authority.show();
  writeCa(parts, data);
  await keepServerCertificate(parts, data);
  const { token } = await access.createToken(caller, { name: "admin", rules: ["admin"], ttl: TOKEN_LIFE });
  replace(path.join(data, files.token), "token file", utf8(`${token}\n`));
  return certificates[0]?.fingerprint ?? "";
}

function secretOf(input: SealInput): Secret | null {
  switch (input.kind) {
    case "file":
      return input.content;
    case "passphrase":
      return input.passphrase;
    case "aws-kms":
      return null;
  }
}

/** A server that starts sealed must be known by a certificate already. */
async function keepServerCertificate(parts: Parts, data: string): Promise<void> {
  const keep = createTlsFile(path.join(data, files.tls));
  await createTlsIdentities({ ...parts, keep, names: namesFor("127.0.0.1", []) }).current();
}

async function passphraseInput(world: World): Promise<SealInput> {
  return { kind: "passphrase", passphrase: await newPassphrase(world) };
}

/** The key file is read back as it lies on the disk, so that what is sealed by it can be opened by it. */
async function fileInput(keyFile: string): Promise<SealInput> {
  if (!existsSync(keyFile)) {
    const text = toBase64(systemRandom(KEY_FILE_BYTES)).replace(/.{64}/g, "$&\n");
    writeNew(keyFile, "key file", utf8(`${text.trimEnd()}\n`));
  }
  return { kind: "file", content: await readKeyFile(keyFile) };
}

function exists(data: string): KeywardError {
  return new KeywardError("conflict", `${JSON.stringify(data)}: there is a store already`, {
    hint: `run: keyward server --data ${data}; or choose another directory`,
  });
}

function hasNoToken(data: string): KeywardError {
  return new KeywardError("conflict", `${JSON.stringify(data)}: there is a store already`, {
    hint: `if you lack a token: keyward token create admin --rule admin --data ${data} --out admin.token`,
  });
}
