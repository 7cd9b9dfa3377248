/** `keyward key generate`: a value by a recipe, which `key rotate` uses again. */
import { KeywardError } from "../../../base/errors.ts";
import { act } from "../../../command/command.ts";
import { integer, period, present } from "../../../command/read-flags.ts";
import type { Recipe } from "../../../model/key.ts";
import { parseKeyName, printable } from "../../../model/name.ts";
import type { PasswordClass } from "../../../model/realm.ts";
import { written } from "./written.ts";

const kinds = ["password", "random", "ssh", "pkcs8", "disk"] as const;
const sshTypes = ["ed25519", "rsa-3072", "rsa-4096", "ecdsa-p256", "ecdsa-p384"] as const;
const pkcs8Types = ["ed25519", "x25519", "rsa-2048", "rsa-3072", "rsa-4096", "ec-p256", "ec-p384"] as const;
const classes: readonly PasswordClass[] = ["lower", "upper", "digit", "special"];

export const generate = act({
  summary: "Make a value by a recipe, as the new primary version",
  words: ["NAME"],
  flags: {
    kind: { type: "string", short: "k", value: "KIND", choices: kinds, help: `One of ${kinds.join(", ")}` },
    length: { type: "string", value: "N", help: "password: characters (32)" },
    classes: { type: "string", value: "LIST", help: `password: of ${classes.join(",")} (lower,upper,digit)` },
    specials: { type: "string", value: "CHARS", help: "password: the special characters to choose from" },
    bytes: { type: "string", value: "N", help: "random: bytes (32)" },
    encoding: {
      type: "string",
      value: "FORM",
      choices: ["raw", "hex", "base64"],
      help: "random: raw, hex or base64 (base64)",
    },
    type: { type: "string", value: "TYPE", help: "ssh, pkcs8: the algorithm (ed25519)" },
    comment: { type: "string", value: "TEXT", help: "ssh: the comment in the public key" },
    expect: {
      type: "string",
      value: "VERSION",
      help: "Only when this version is the primary one; 0: only when there is no such key",
    },
    retire: { type: "string", value: "TIME", help: "How long older versions are still served, as 24h" },
  },
  calls: ["key.generate"],
  examples: [
    "keyward key generate db/orders/password",
    "keyward key generate db/orders/password --length 40 --classes lower,upper,digit,special",
    "keyward key generate ssh/deploy --kind ssh --type ed25519 --comment deploy",
    "keyward key generate tls/api/key --kind pkcs8 --type ec-p256",
    "keyward key generate disks/db1 --kind disk",
  ],
  notes: [`ssh types: ${sshTypes.join(", ")}. pkcs8 types: ${pkcs8Types.join(", ")}.`],
  async run(session, { words: [name = ""], flags }) {
    const body = present({
      recipe: recipeOf(flags),
      expected: integer(flags.expect, "--expect"),
      retire: period(flags.retire),
    });
    const path = { name: parseKeyName(name) };
    written(session, "generated", await session.call("key.generate", { path, body }));
  },
});

interface RecipeFlags {
  readonly kind?: (typeof kinds)[number];
  readonly length?: string;
  readonly classes?: string;
  readonly specials?: string;
  readonly bytes?: string;
  readonly encoding?: "raw" | "hex" | "base64";
  readonly type?: string;
  readonly comment?: string;
}

/** Which flags belong to which kind: one that would do nothing is refused. */
const belongs: Readonly<Record<(typeof kinds)[number], readonly (keyof RecipeFlags)[]>> = {
  password: ["length", "classes", "specials"],
  random: ["bytes", "encoding"],
  ssh: ["type", "comment"],
  pkcs8: ["type"],
  disk: [],
};

type ApiRecipe = Mutable<Recipe>;
type Mutable<T> = T extends readonly (infer E)[]
  ? E[]
  : T extends object
    ? { -readonly [K in keyof T]: Mutable<T[K]> }
    : T;

/** @throws KeywardError `usage` */
export function recipeOf(flags: RecipeFlags): ApiRecipe {
  const { kind = "password" } = flags;
  refuseStrangers(kind, flags);
  switch (kind) {
    case "password":
      return present({
        kind,
        length: integer(flags.length, "--length", 8) ?? 32,
        classes: classesOf(flags.classes ?? "lower,upper,digit"),
        specials: flags.specials,
      });
    case "random":
      return { kind, bytes: integer(flags.bytes, "--bytes", 1) ?? 32, encoding: flags.encoding ?? "base64" };
    case "ssh":
      return present({ kind, type: oneOf(flags.type ?? "ed25519", sshTypes), comment: flags.comment });
    case "pkcs8":
      return { kind, type: oneOf(flags.type ?? "ed25519", pkcs8Types) };
    case "disk":
      return { kind };
  }
}

function refuseStrangers(kind: (typeof kinds)[number], flags: RecipeFlags): void {
  const all = Object.values(belongs).flat();
  const stranger = all.find((flag) => flags[flag] !== undefined && !belongs[kind].includes(flag));
  if (stranger !== undefined)
    throw new KeywardError("usage", `--${stranger} does not go with --kind ${kind}`, {
      hint: "see: keyward key generate --help",
    });
}

function classesOf(text: string): PasswordClass[] {
  return text.split(",").map((word) => oneOf(word, classes));
}

function oneOf<const T extends string>(text: string, choices: readonly T[]): T {
  const found = choices.find((choice) => choice === text);
  if (found === undefined) throw new KeywardError("usage", `${printable(text)}: want ${choices.join(", ")}`);
  return found;
}
