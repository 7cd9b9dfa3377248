/** How a derived value is made again, as an entry of an offline bundle says it. */
import type { Json } from "../../base/json.ts";
import type { MemberReader } from "../../base/json-members.ts";
import type { DerivedAs } from "../../model/key.ts";
import { keyEncodings, passwordClasses, type RealmKind, realmKinds, schemes } from "../../model/realm.ts";

type Members = { readonly [name: string]: Json };

const MAX_LENGTH = 1_048_576;

/** Whether any seed can follow it is for who derives. @throws KeywardError `malformed` */
export function readDerived({ derivation, encoding }: Members, read: MemberReader): DerivedAs {
  const { scheme, realm, kind, purpose } = read.object(derivation, "derivation");
  return {
    derivation: {
      scheme: read.oneOf(scheme, "scheme", schemes),
      realm: read.string(realm, "realm"),
      kind: readKind(read.object(kind, "kind"), read),
      purpose: read.string(purpose, "purpose"),
    },
    encoding: read.oneOf(encoding, "encoding", keyEncodings),
  };
}

function readKind({ kind, length, policy }: Members, read: MemberReader): RealmKind {
  const name = read.oneOf(kind, "kind", realmKinds);
  switch (name) {
    case "raw":
    case "pass":
      return { kind: name, length: read.whole(length, "length", 1, MAX_LENGTH) };
    case "password":
      return { kind: name, policy: readPolicy(read.object(policy, "policy"), read) };
    default:
      return { kind: name };
  }
}

function readPolicy({ length, classes: chosen, specials }: Members, read: MemberReader) {
  return {
    length: read.whole(length, "length", 8, 1024),
    classes: read.strings(chosen, "classes").map((one) => read.oneOf(one, "classes", passwordClasses)),
    ...(specials === undefined ? {} : { specials: read.string(specials, "specials") }),
  };
}
