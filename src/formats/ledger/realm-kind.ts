/** A realm's kind as members of its line: `kind`, and `length`, `classes`, `specials` where the kind has them. */
import type { Json } from "../../base/json.ts";
import type { MemberReader } from "../../base/json-members.ts";
import { passwordClasses, type RealmKind, realmKinds } from "../../model/realm.ts";

const MAX_RAW_BYTES = 1_048_576;
const MAX_PASSWORD = 1024;

/** Members for `canonicalJson`. */
export function kindMembers(kind: RealmKind): { readonly [name: string]: Json } {
  if (kind.kind !== "password") return { ...kind };
  const { length, classes, specials } = kind.policy;
  const members = {
    kind: kind.kind,
    length,
    classes: passwordClasses.filter((name) => classes.includes(name)),
  };
  return specials === undefined ? members : { ...members, specials: sorted(specials) };
}

/** The caller compares what it read with what it would write: that refuses members that the kind does not have. */
export function readKind(members: { readonly [name: string]: Json }, read: MemberReader): RealmKind {
  const kind = read.oneOf(members.kind, "kind", realmKinds);
  switch (kind) {
    case "raw":
      return { kind, length: read.whole(members.length, "length", 1, MAX_RAW_BYTES) };
    case "pass":
      return { kind, length: read.whole(members.length, "length", 8, MAX_PASSWORD) };
    case "password": {
      const length = read.whole(members.length, "length", 8, MAX_PASSWORD);
      const classes = read
        .strings(members.classes, "classes")
        .map((name) => read.oneOf(name, "classes", passwordClasses));
      if (members.specials === undefined) return { kind, policy: { length, classes } };
      const specials = read.string(members.specials, "specials");
      if (!/^[!-/:-@[-`{-~]{1,32}$/.test(specials) || new Set(specials).size !== specials.length)
        throw read.wrong("specials");
      return { kind, policy: { length, classes, specials } };
    }
    default:
      return { kind };
  }
}

function sorted(specials: string): string {
  return [...specials].sort().join("");
}
