/** How a derived value is made again, as an entry of an offline bundle says it. */
import type { Json } from "../../base/json.ts";
import type { MemberReader } from "../../base/json-members.ts";
import type { DerivedAs } from "../../model/key.ts";
import type { KeyEncoding, RealmKind } from "../../model/realm.ts";

type Members = { readonly [name: string]: Json };

const MAX_LENGTH = 1_048_576;
const schemes = ["keyward-1", "gokey-0.1", "gokey-0.2"] as const;
const classes = ["lower", "upper", "digit", "special"] as const;
const encodings = [
  "raw",
  "hex",
  "base64",
  "text",
  "pem",
  "openssh",
  "authorized-keys",
  "jwk",
] as const satisfies readonly KeyEncoding[];
const kinds = [
  "ed25519",
  "p256",
  "p384",
  "p521",
  "x25519",
  "wireguard",
  "rsa2048",
  "rsa4096",
  "raw",
  "luks",
  "password",
  "pass",
] as const satisfies readonly RealmKind["kind"][];

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
    encoding: read.oneOf(encoding, "encoding", encodings),
  };
}

function readKind({ kind, length, policy }: Members, read: MemberReader): RealmKind {
  const name = read.oneOf(kind, "kind", kinds);
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
    classes: read.strings(chosen, "classes").map((one) => read.oneOf(one, "classes", classes)),
    ...(specials === undefined ? {} : { specials: read.string(specials, "specials") }),
  };
}
