/** Derivations: what a derived key may ask of the nodes' seeds. */
import { KeywardError } from "../base/errors.ts";
import { kindsOf } from "../derive/opened.ts";
import type { DerivedAs } from "../model/key.ts";
import { printable } from "../model/name.ts";
import { isReserved, type PasswordPolicy, type RealmKind } from "../model/realm.ts";
import { assertEncoding } from "../seed/encodings.ts";

const MAX_TEXT_BYTES = 1024;
const MAX_RAW_BYTES = 1_048_576;

/** @throws KeywardError `usage` for what no node could derive, or should not. */
export function assertDerived({ derivation, encoding }: DerivedAs): void {
  const { scheme, realm, kind, purpose } = derivation;
  assertText("realm", realm, 1);
  assertText("purpose", purpose, 0);
  if (isReserved(realm)) throw refusal(`the realm ${printable(realm)} is the node's own`);
  if (scheme !== "keyward-1" && purpose !== "") throw refusal(`${scheme} knows no purposes`);
  const known = kindsOf(scheme);
  if (!known.includes(kind.kind)) throw refusal(`${scheme} knows no ${kind.kind}, only ${known.join(", ")}`);
  assertKind(kind);
  assertEncoding(kind.kind, encoding === "authorized-keys" ? "public" : "secret", encoding);
}

function assertText(what: string, text: string, least: number): void {
  const size = Buffer.byteLength(text);
  if (size < least || size > MAX_TEXT_BYTES)
    throw refusal(`a ${what} has ${least} to ${MAX_TEXT_BYTES} bytes`);
  if (!text.isWellFormed() || /\p{Cc}/u.test(text))
    throw refusal(`a ${what} is Unicode text without control characters`);
}

function assertKind(kind: RealmKind): void {
  if (kind.kind === "raw") assertLength("raw", kind.length, 1, MAX_RAW_BYTES);
  if (kind.kind === "pass") assertLength("pass", kind.length, 8, 1024);
  if (kind.kind === "password") assertPolicy(kind.policy);
}

function assertPolicy({ length, classes, specials = "-" }: PasswordPolicy): void {
  assertLength("password", length, 8, 1024);
  if (classes.length === 0 || new Set(classes).size !== classes.length)
    throw refusal("a password wants some of the classes, each once");
  if (!/^[!-/:-@[-`{-~]{1,32}$/.test(specials) || new Set(specials).size !== specials.length)
    throw refusal("specials are ASCII punctuation, each once");
}

function assertLength(what: string, length: number, least: number, most: number): void {
  if (Number.isInteger(length) && length >= least && length <= most) return;
  throw refusal(`${what} wants a length from ${least} to ${most}`);
}

function refusal(why: string): KeywardError {
  return new KeywardError("usage", `derivation: ${why}`, { hint: "see: keyward key derive --help" });
}
