/** The flags of gokey, what its help says of them, and the two whose bytes count. */

import { entriesOf } from "../../command/environ.ts";
import { GoFlagError, type GoFlags, parseGoFlags } from "../../command/go-flags.ts";
import type { World } from "../../command/world.ts";
import type { Derivation } from "../../derive/gokey/gokey.ts";

const kinds = {
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

/** As Go prints them, after a refusal. */
export const defaults = `  -P string
    \tfile with the master password; white space around it is taken off
  -derivation string
    \twith a seed: 0.1 as gokey before 0.2.0, whose secrets follow from the seed file without the password; 0.2 as gokey since (default "0.2")
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

export const usage = `Usage of gokey:\n${defaults}`;

export interface GokeyFlags {
  /** Byte for byte as it was typed; empty when it was not. */
  readonly password: Uint8Array;
  readonly realm: Uint8Array;
  readonly passwordFile: string;
  readonly kind: string;
  readonly seed: string;
  readonly skip: number;
  readonly length: number | undefined;
  readonly output: string;
  readonly unsafe: boolean;
  /** Absent: nobody said. */
  readonly derivation: Derivation | undefined;
}

/** @throws GoFlagError, GoHelp */
export function readFlags(args: readonly string[], world: Pick<World, "cmdline">): GokeyFlags {
  const flags = parseGoFlags(args, kinds);
  const bytes = parseGoFlags(asLatin1(args, world), kinds);
  const text = (name: keyof typeof kinds): string => (flags.get(name) as string | undefined) ?? "";
  const raw = (name: "p" | "r"): Uint8Array => Buffer.from((bytes.get(name) as string) ?? "", "latin1");
  return {
    password: raw("p"),
    realm: raw("r"),
    passwordFile: text("P"),
    kind: flags.has("t") ? text("t") : "pass",
    seed: text("s"),
    skip: (flags.get("skip") as number | undefined) ?? 0,
    length: flags.get("l") as number | undefined,
    output: text("o"),
    unsafe: flags.get("u") === true,
    derivation: derivationOf(flags),
  };
}

function derivationOf(flags: GoFlags): Derivation | undefined {
  const wanted = flags.get("derivation");
  if (wanted === undefined || wanted === "0.1" || wanted === "0.2") return wanted;
  throw new GoFlagError(`invalid value ${JSON.stringify(wanted)} for flag -derivation: want 0.1 or 0.2`);
}

/** What stands where the runtime could not read a byte as text. */
const LOST = "\ufffd";

/**
 * Each byte as one character. The runtime's own view of the command line is text, in which bytes that are not
 * UTF-8 are lost; another secret would follow.
 *
 * @throws GoFlagError when they are lost and the system does not tell them.
 */
function asLatin1(args: readonly string[], { cmdline }: Pick<World, "cmdline">): string[] {
  if (args.some((arg) => arg.includes(LOST))) {
    const words = Buffer.from(cmdline?.() ?? "")
      .toString("latin1")
      .split("\0")
      .slice(0, -1);
    if (words.length > args.length) return words.slice(-args.length);
    throw new GoFlagError("an argument is not UTF-8, and its bytes cannot be read");
  }
  return args.map((arg) => Buffer.from(arg).toString("latin1"));
}

/** Bytes of the environment's master password; empty when there is none. */
export function passwordOf(world: Pick<World, "env" | "environ">): Uint8Array {
  const text = world.env.GOKEY_ROOT_PASS ?? "";
  if (!text.includes(LOST)) return Buffer.from(text);
  const entry = entriesOf(world).find(({ name }) => name === "GOKEY_ROOT_PASS");
  return Buffer.from(entry?.latin1 ?? "", "latin1");
}
