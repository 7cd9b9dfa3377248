/** The kind of a derived key as it is typed: `--kind`, and what belongs to some kinds only. */
import { KeywardError } from "../base/errors.ts";
import { integer, present, required } from "../command/read-flags.ts";
import { type PasswordClass, passwordClasses, type RealmKind, realmKinds } from "../model/realm.ts";

type Name = RealmKind["kind"];
type Mutable<T> = T extends readonly (infer E)[]
  ? E[]
  : T extends object
    ? { -readonly [K in keyof T]: Mutable<T[K]> }
    : T;

export const kindFlags = {
  kind: {
    type: "string",
    short: "k",
    value: "KIND",
    choices: realmKinds,
    help: `One of ${realmKinds.join(", ")}`,
  },
  length: { type: "string", value: "N", help: "raw: bytes (32); password, pass: characters (32, 10)" },
  classes: {
    type: "string",
    value: "LIST",
    help: `password: of ${passwordClasses.join(",")} (lower,upper,digit)`,
  },
  specials: { type: "string", value: "CHARS", help: "password: the special characters to choose from" },
} as const;

interface KindFlags {
  readonly kind?: Name;
  readonly length?: string;
  readonly classes?: string;
  readonly specials?: string;
}

/** Which flags belong to which kind: one that would do nothing is refused. */
const belongs: Partial<Record<Name, readonly (keyof KindFlags)[]>> = {
  raw: ["length"],
  pass: ["length"],
  password: ["length", "classes", "specials"],
};

/** @throws KeywardError `usage` */
export function kindOf(flags: KindFlags): Mutable<RealmKind> {
  const kind = required(flags.kind, "kind") as Name;
  refuseStrangers(kind, flags);
  switch (kind) {
    case "raw":
      return { kind, length: integer(flags.length, "--length", 1) ?? 32 };
    case "pass":
      return { kind, length: integer(flags.length, "--length", 8) ?? 10 };
    case "password": {
      const length = integer(flags.length, "--length", 8) ?? 32;
      const chosen = classesOf(flags.classes ?? "lower,upper,digit");
      return { kind, policy: present({ length, classes: chosen, specials: flags.specials }) };
    }
    default:
      return { kind } as Mutable<RealmKind>;
  }
}

function refuseStrangers(kind: Name, flags: KindFlags): void {
  const mine = belongs[kind] ?? [];
  const stranger = (["length", "classes", "specials"] as const).find(
    (flag) => flags[flag] !== undefined && !mine.includes(flag),
  );
  if (stranger !== undefined)
    throw new KeywardError("usage", `--${stranger} does not go with --kind ${kind}`);
}

function classesOf(text: string): PasswordClass[] {
  return text.split(",").map((word) => {
    const found = passwordClasses.find((one) => one === word);
    if (found !== undefined) return found;
    throw new KeywardError("usage", `--classes: want some of ${passwordClasses.join(",")}`);
  });
}
