/**
 * gokey's command line: the original's flags, prompts, messages and exit statuses, except where it loses data
 * or crashes. The differences are listed in docs/formats/gokey.md.
 */
import path from "node:path";
import { isKeywardError, type KeywardError } from "../../base/errors.ts";
import { Secret } from "../../base/secret.ts";
import { systemRandom } from "../../crypto/random.ts";
import {
  type Derivation,
  derive,
  fromPassword,
  fromSeedFile,
  type Kind,
  kinds,
  makeSeed,
  type Source,
} from "../../derive/gokey/gokey.ts";
import { trimPassword } from "../../derive/gokey/password-file.ts";
import { readBytes } from "../read-file.ts";
import type { World } from "../world.ts";
import { replace, writeNew } from "../write-file.ts";
import { GoFlagError, type GoFlags, GoHelp, parseGoFlags } from "./go-flags.ts";

const flagKinds = {
  p: "string",
  P: "string",
  t: "string",
  r: "string",
  s: "string",
  skip: "int",
  l: "int",
  o: "string",
  u: "bool",
  derivation: "string",
} as const;

export const usage = `Usage of gokey:
  -P string
    \tfile with the master password; white space around it is taken off
  -derivation string
    \twith a seed: 0.1 (gokey before 0.2.0, insecure) or 0.2 (default "0.2")
  -l int
    \tcharacters of a password (default 10), bytes of raw (default 32)
  -o string
    \toutput file (default standard output)
  -p string
    \tmaster password; others on this machine can see it
  -r string
    \trealm: what the secret is for
  -s string
    \tseed file
  -skip int
    \twhere in the seed file the seed begins
  -t string
    \tpass, seed, raw, ec256, ec384, ec521, rsa2048, rsa4096, x25519 or ed25519 (default "pass")
  -u\tallow raw and keys without a seed
`;

const SEED_LIMIT = 1_048_576;

/** A message in the original's words, with status 1; `help` prints the flags after it. */
class Refusal extends Error {
  readonly help: boolean;
  constructor(message: string, help = false) {
    super(message);
    this.help = help;
  }
}

/** @returns The exit status. */
export async function gokey(args: readonly string[], world: World): Promise<number> {
  try {
    await run(parseGoFlags(args, flagKinds), world);
    return 0;
  } catch (error) {
    return explain(error, world);
  }
}

async function run(flags: GoFlags, world: World): Promise<void> {
  const text = (name: string): string => (flags.get(name) as string | undefined) ?? "";
  const kind = flags.has("t") ? text("t") : "pass";
  using password = await masterPassword(flags, world);
  if (kind === "seed") {
    write(world, text("o"), Secret.take(makeSeed(password, systemRandom(240))), "seed");
    return;
  }
  const realm = text("r");
  if (realm === "") throw new Refusal("no realm provided", true);
  const seed = text("s") === "" ? null : readSeed(flags, world);
  const length = flags.get("l") as number | undefined;
  assertKind(kind, length, seed !== null || flags.get("u") === true);
  if (text("o") !== "" && samePath(world, text("o"), text("s")))
    throw new Refusal(`open ${text("o")}: is the seed file`);
  const source = sourceOf(seed, password, derivationOf(flags));
  const request = { realm, kind, ...(length === undefined ? {} : { length }) };
  write(world, text("o"), await derive(source, request, { allowUnsafe: true }), kind);
}

function sourceOf(seed: Uint8Array | null, password: Secret, derivation: Derivation): Source {
  return seed === null ? fromPassword(password) : fromSeedFile(seed, password, derivation);
}

function derivationOf(flags: GoFlags): Derivation {
  const wanted = flags.get("derivation") ?? "0.2";
  if (wanted === "0.1" || wanted === "0.2") return wanted;
  throw new Refusal("unknown derivation: want 0.1 or 0.2", true);
}

/** An empty source passes on to the next. */
async function masterPassword(flags: GoFlags, world: World): Promise<Secret> {
  const given = (flags.get("p") as string | undefined) ?? "";
  if (given !== "") return Secret.fromText(given);
  const file = (flags.get("P") as string | undefined) ?? "";
  if (file !== "") {
    const password = trimPassword(read(file, "password file", world));
    if (password.length > 0) return password;
  }
  const fromEnvironment = world.env.GOKEY_ROOT_PASS ?? "";
  if (fromEnvironment !== "") return Secret.fromText(fromEnvironment);
  return await askPassword(world, !flags.has("s"));
}

async function askPassword(world: World, twice: boolean): Promise<Secret> {
  for (;;) {
    const first = await ask(world, "Master password: ");
    if (first.length === 0) continue;
    if (!twice || first.equals(await ask(world, "Master password again: "))) return first;
    world.stderr.write("Passwords do not match. Try again.\n");
  }
}

async function ask(world: World, question: string): Promise<Secret> {
  try {
    return await world.askSecret(question);
  } catch (error) {
    if (isKeywardError(error, "usage")) throw new Refusal(`${question}inappropriate ioctl for device`);
    throw error;
  }
}

function readSeed(flags: GoFlags, world: World): Uint8Array {
  const skip = (flags.get("skip") as number | undefined) ?? 0;
  const file = read(flags.get("s") as string, "seed file", world);
  if (skip < 0 || skip >= file.length) throw new Refusal("invalid skip parameter");
  return file.subarray(skip);
}

function read(file: string, what: string, world: World): Uint8Array {
  return onFile(file, () => readBytes(path.resolve(world.cwd, file), what, SEED_LIMIT));
}

function assertKind(kind: string, length: number | undefined, mayHaveKeys: boolean): asserts kind is Kind {
  if (!(kinds as readonly string[]).includes(kind)) throw new Refusal(`unknown key type: ${kind}`, true);
  if (length !== undefined && kind !== "pass" && kind !== "raw") {
    throw new Refusal(`key type ${kind} does not support length parameter`, true);
  }
  if (length !== undefined && length <= 0) throw new Refusal("invalid length parameter", true);
  if (kind === "pass" && length !== undefined && length < 8)
    throw new Refusal("invalid password specification");
  if (kind !== "pass" && !mayHaveKeys)
    throw new Refusal("generating keys without strong seed is not allowed");
}

function samePath(world: World, a: string, b: string): boolean {
  return b !== "" && path.resolve(world.cwd, a) === path.resolve(world.cwd, b);
}

/** To a file: written beside it and renamed, mode 0600; a seed never replaces anything. */
function write(world: World, file: string, secret: Secret, kind: Kind | "seed"): void {
  const place = path.resolve(world.cwd, file);
  if (file === "") world.stdout.write(secret.reveal());
  else if (kind === "seed") onFile(file, () => writeNew(place, "seed file", secret.reveal()));
  else onFile(file, () => replace(place, "output file", secret.reveal()));
  if (kind === "pass") world.stderr.write("\n");
}

function explain(error: unknown, world: World): number {
  if (error instanceof GoHelp) {
    world.stderr.write(usage);
    return 0;
  }
  if (error instanceof GoFlagError) {
    world.stderr.write(`${error.message}\n${usage}`);
    return 2;
  }
  if (error instanceof Refusal) return log(world, error.message, error.help);
  if (isKeywardError(error)) return log(world, messageOf(error));
  throw error;
}

/** The original's words where it has some: scripts may look for them. */
function messageOf(error: KeywardError): string {
  return error.code === "wrong-key" ? "cipher: message authentication failed" : error.message;
}

const goReasons: Readonly<Record<string, string>> = {
  ENOENT: "no such file or directory",
  EACCES: "permission denied",
  EISDIR: "is a directory",
  ENOTDIR: "not a directory",
};

/** Work on a file; what the system refuses is said in Go's words. */
function onFile<T>(file: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    const { code = "" } = ((error as Error).cause ?? {}) as NodeJS.ErrnoException;
    if (isKeywardError(error, "conflict")) throw new Refusal(`open ${file}: file exists`);
    if (goReasons[code] === undefined) throw error;
    throw new Refusal(`${code === "EISDIR" ? "read" : "open"} ${file}: ${goReasons[code]}`);
  }
}

/** As Go's package `log` writes: the local time first. */
function log(world: World, message: string, help = false): number {
  const now = new Date(world.clock());
  const two = (value: number): string => String(value).padStart(2, "0");
  const day = `${now.getFullYear()}/${two(now.getMonth() + 1)}/${two(now.getDate())}`;
  const time = `${two(now.getHours())}:${two(now.getMinutes())}:${two(now.getSeconds())}`;
  world.stderr.write(`${day} ${time} ${message}\n${help ? usage : ""}`);
  return 1;
}
