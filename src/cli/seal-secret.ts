/** What opens a seal, as the API takes it: a passphrase typed or piped, a key file's content, or AWS KMS. */
import path from "node:path";
import type { BodyOf } from "../api/shapes.ts";
import { fromUtf8 } from "../base/bytes.ts";
import { KeywardError } from "../base/errors.ts";
import type { Secret } from "../base/secret.ts";
import { readOwn } from "../command/read-file.ts";
import { askTwice, readSecret } from "../command/read-secret.ts";
import type { World } from "../command/world.ts";
import { parseKmsKeyId } from "../model/kms.ts";
import type { SealKind } from "../seal/seal.ts";

export const sealKinds = ["file", "passphrase", "aws-kms"] as const satisfies readonly SealKind[];

/** What a new seal is made with, as it was typed. */
export interface SealFlags {
  readonly "key-file"?: string | undefined;
  readonly "kms-key-id"?: string | undefined;
}

const MAX_PASSPHRASE = 4096;
const MAX_KEY_FILE = 131_072;

/** For opening: what a flag names, else the passphrase. @throws KeywardError `usage`, `local` */
export async function sealSecret(
  world: World,
  flags: { readonly "key-file"?: string | undefined; readonly "aws-kms"?: boolean | undefined },
): Promise<BodyOf<"seal.unseal">> {
  const keyFile = flags["key-file"];
  if (flags["aws-kms"] === true) {
    if (keyFile !== undefined) throw new KeywardError("usage", "--key-file and --aws-kms: want one of them");
    return { kind: "aws-kms" };
  }
  if (keyFile !== undefined) return fileSecret(world, keyFile);
  const ask = (): Promise<Secret> => world.askSecret("passphrase: ");
  return await asBody(readPassphrase(world, ask));
}

/** For a new seal: a passphrase is typed twice. @throws KeywardError `usage`, `local` */
export async function newSealSecret(
  world: World,
  kind: SealKind,
  flags: SealFlags,
): Promise<BodyOf<"seal.add">> {
  assertFlagsFit(kind, flags);
  switch (kind) {
    case "file": {
      const keyFile = flags["key-file"];
      if (keyFile === undefined)
        throw new KeywardError("usage", "--key-file is missing", {
          hint: "make one: openssl rand -base64 2048 > keyward.key; chmod 600 keyward.key",
        });
      return fileSecret(world, keyFile);
    }
    case "passphrase":
      return await asBody(newPassphrase(world));
    case "aws-kms":
      return { kind, keyId: kmsKeyId(flags) };
  }
}

/** @throws KeywardError `usage` when a flag is for another kind of seal. */
export function assertFlagsFit(kind: SealKind, flags: SealFlags): void {
  for (const [flag, own, what] of [
    ["key-file", "file", "a key file"],
    ["kms-key-id", "aws-kms", "AWS KMS"],
  ] as const)
    if (flags[flag] !== undefined && kind !== own)
      throw new KeywardError("usage", `--${flag} is for a seal by ${what}, not ${kind}`);
}

/** @throws KeywardError `usage` */
export function kmsKeyId(flags: SealFlags): string {
  const keyId = flags["kms-key-id"];
  if (keyId !== undefined) return parseKmsKeyId(keyId, "--kms-key-id");
  throw new KeywardError("usage", "--kms-key-id is missing", {
    hint: "the key's ARN is best: it names the region too",
  });
}

function fileSecret(world: World, keyFile: string): { kind: "file"; content: string } {
  const bytes = readOwn(path.resolve(world.cwd, keyFile), "key file", MAX_KEY_FILE);
  return { kind: "file", content: fromUtf8(bytes, "key file") };
}

/** Typed twice, or piped. The caller wipes it. @throws KeywardError `usage` */
export function newPassphrase(world: World): Promise<Secret> {
  return readPassphrase(world, () => askTwice(world, "passphrase"));
}

async function readPassphrase(world: World, ask: () => Promise<Secret>): Promise<Secret> {
  const piped = world.stdin.isTTY !== true;
  const secret = piped
    ? await readSecret(world, undefined, { what: "passphrase", limit: MAX_PASSPHRASE, chomp: true })
    : await ask();
  if (secret.length > 0) return secret;
  throw new KeywardError("usage", "the passphrase is empty", {
    hint: "type it at the terminal, or give it on standard input",
  });
}

async function asBody(reading: Promise<Secret>): Promise<{ kind: "passphrase"; passphrase: string }> {
  using secret = await reading;
  return { kind: "passphrase", passphrase: fromUtf8(secret.reveal(), "passphrase") };
}
