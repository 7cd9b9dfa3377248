/** What opens a seal, as the API takes it: a passphrase typed or piped, or a key file's content. */
import path from "node:path";
import type { BodyOf } from "../api/shapes.ts";
import { fromUtf8 } from "../base/bytes.ts";
import { KeywardError } from "../base/errors.ts";
import type { Secret } from "../base/secret.ts";
import { readOwn } from "./read-file.ts";
import { askTwice, readSecret } from "./read-secret.ts";
import type { World } from "./world.ts";

export const sealKinds = ["file", "passphrase"] as const;
export type SealKind = (typeof sealKinds)[number];

const MAX_PASSPHRASE = 4096;
const MAX_KEY_FILE = 131_072;

/** For opening: the key file when one is named, else the passphrase. @throws KeywardError `usage`, `local` */
export async function sealSecret(world: World, keyFile: string | undefined): Promise<BodyOf<"seal.unseal">> {
  if (keyFile !== undefined) return fileSecret(world, keyFile);
  const ask = (): Promise<Secret> => world.askSecret("passphrase: ");
  return await asBody(readPassphrase(world, ask));
}

/** For a new seal: a passphrase is typed twice. @throws KeywardError `usage`, `local` */
export async function newSealSecret(
  world: World,
  kind: SealKind,
  keyFile: string | undefined,
): Promise<BodyOf<"seal.add">> {
  if (kind === "file") {
    if (keyFile === undefined)
      throw new KeywardError("usage", "--key-file is missing", {
        hint: "make one: openssl rand -base64 2048 > keyward.key; chmod 600 keyward.key",
      });
    return fileSecret(world, keyFile);
  }
  if (keyFile !== undefined) throw new KeywardError("usage", "--key-file does not go with a passphrase");
  return await asBody(newPassphrase(world));
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
