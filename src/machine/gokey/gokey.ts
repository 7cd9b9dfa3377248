/**
 * gokey's command line: the original's flags, prompts, messages and exit statuses, except where it loses data
 * or crashes. The differences are listed in docs/formats/gokey.md.
 */
import path from "node:path";
import { Secret } from "../../base/secret.ts";
import { readBytes } from "../../command/read-file.ts";
import type { World } from "../../command/world.ts";
import { systemRandom } from "../../crypto/random.ts";
import {
  derive,
  fromPassword,
  fromSeedFile,
  type Kind,
  kinds,
  makeSeed,
  type Source,
} from "../../derive/gokey/gokey.ts";
import { MIN_PASSWORD_LENGTH } from "../../derive/gokey/password.ts";
import { type GokeyFlags, readFlags } from "./flags.ts";
import { masterPassword } from "./master-password.ts";
import { findOutput } from "./output.ts";
import { explain, onFile, Refusal } from "./refusal.ts";

const SEED_LIMIT = 1_048_576;

/** @returns The exit status. */
export async function gokey(args: readonly string[], world: World): Promise<number> {
  try {
    await run(readFlags(args, world), world);
    return 0;
  } catch (error) {
    return explain(error, world);
  }
}

async function run(flags: GokeyFlags, world: World): Promise<void> {
  using password = await masterPassword(flags, world);
  const output = findOutput(flags, world);
  if (flags.kind === "seed") {
    using made = Secret.take(makeSeed(password, systemRandom(240)));
    output.write(made);
    return;
  }
  const { realm, kind, length } = flags;
  if (realm.length === 0) throw new Refusal("no realm provided", true);
  const seed = flags.seed === "" ? null : readSeed(flags, world);
  assertKind(kind, length, seed !== null || flags.unsafe);
  const source = sourceOf(seed, password, flags, world);
  if (kind === "pass" && length !== undefined && length < MIN_PASSWORD_LENGTH)
    throw new Refusal("invalid password specification");
  const request = { realm, kind, ...(length === undefined ? {} : { length }) };
  using secret = await derive(source, request, { allowUnsafe: true });
  output.write(secret);
  if (kind === "pass") world.stderr.write("\n");
}

function sourceOf(seed: Uint8Array | null, password: Secret, flags: GokeyFlags, world: World): Source {
  if (seed === null) return fromPassword(password);
  const source = fromSeedFile(seed, password, flags.derivation ?? "0.2");
  explainDerivation(flags, world);
  return source;
}

/**
 * gokey before 0.2.0 gave other secrets from the same seed file. That is said to a person, and to no program:
 * scripts count on an empty standard error.
 */
function explainDerivation({ seed, derivation }: GokeyFlags, world: World): void {
  if (world.stderr.isTTY !== true || derivation === "0.2") return;
  world.stderr.write(
    derivation === "0.1"
      ? "gokey: with -derivation 0.1 whoever has the seed file has this secret, without the password (CVE-2025-13353): replace it\n"
      : `gokey: this is what gokey gives since 0.2.0. If ${JSON.stringify(seed)} was in use before: what it gave then comes with -derivation 0.1, to be replaced. -derivation 0.2 ends this note\n`,
  );
}

function readSeed({ seed, skip }: GokeyFlags, world: World): Uint8Array {
  const file = onFile("read", seed, () => readBytes(path.resolve(world.cwd, seed), "seed file", SEED_LIMIT));
  if (skip < 0 || skip >= file.length) throw new Refusal("invalid skip parameter");
  return file.subarray(skip);
}

function assertKind(kind: string, length: number | undefined, mayHaveKeys: boolean): asserts kind is Kind {
  if (!(kinds as readonly string[]).includes(kind)) throw new Refusal(`unknown key type: ${kind}`, true);
  if (length !== undefined && kind !== "pass" && kind !== "raw") {
    throw new Refusal(`key type ${kind} does not support length parameter`, true);
  }
  if (length !== undefined && length <= 0) throw new Refusal("invalid length parameter", true);
  if (kind !== "pass" && !mayHaveKeys)
    throw new Refusal("generating keys without strong seed is not allowed");
}
