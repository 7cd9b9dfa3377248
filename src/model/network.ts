/** Network: an address range as CIDR writes it (RFC 4632; RFC 4291 section 2.3), and whether an address lies in it. */
import { KeywardError } from "../base/errors.ts";
import { printable } from "./name.ts";

/** `10.0.0.0/8`, `2001:db8::/32`, or one address. */
export type Network = string & { readonly kind: "network" };

interface Range {
  readonly bits: 32 | 128;
  readonly value: bigint;
  readonly length: number;
}

/** @throws KeywardError `usage` */
export function parseNetwork(text: string): Network {
  if (rangeOf(text) !== null) return text as Network;
  throw new KeywardError("usage", `network ${printable(text)}: want an address range, as 10.0.0.0/8`, {
    hint: "the bits behind the prefix are zeros",
  });
}

/** @param address - As a connection has it; `::ffff:10.0.0.1` counts as 10.0.0.1. `false` for what is no address. */
export function liesIn(address: string, network: Network): boolean {
  const range = rangeOf(network);
  const at = addressOf(address.replace(/^::ffff:(?=\d+\.)/i, "").replace(/%.*$/, ""));
  if (range === null || at === null || at.bits !== range.bits) return false;
  const rest = BigInt(range.bits - range.length);
  return at.value >> rest === range.value >> rest;
}

function rangeOf(text: string): Range | null {
  const [, address = "", length] = /^([0-9A-Fa-f:.]{2,45})(?:\/(0|[1-9][0-9]{0,2}))?$/.exec(text) ?? [];
  const at = addressOf(address);
  if (at === null) return null;
  const count = length === undefined ? at.bits : Number(length);
  if (count > at.bits) return null;
  const beyond = (1n << BigInt(at.bits - count)) - 1n;
  return (at.value & beyond) === 0n ? { ...at, length: count } : null;
}

function addressOf(text: string): Pick<Range, "bits" | "value"> | null {
  return text.includes(":") ? sixOf(text) : fourOf(text);
}

function fourOf(text: string): Pick<Range, "bits" | "value"> | null {
  const parts = text.split(".");
  if (
    parts.length !== 4 ||
    !parts.every((part) => /^(?:0|[1-9][0-9]{0,2})$/.test(part) && Number(part) < 256)
  )
    return null;
  return { bits: 32, value: parts.reduce((sum, part) => (sum << 8n) | BigInt(part), 0n) };
}

function sixOf(text: string): Pick<Range, "bits" | "value"> | null {
  const [head = "", tail, more] = text.split("::");
  if (more !== undefined) return null;
  const groups = (half: string): string[] => (half === "" ? [] : half.split(":"));
  const [before, after] = [groups(head), groups(tail ?? "")];
  const gap = 8 - before.length - after.length;
  if (tail === undefined ? gap !== 0 : gap < 1) return null;
  const all = [...before, ...Array<string>(tail === undefined ? 0 : gap).fill("0"), ...after];
  if (!all.every((group) => /^[0-9A-Fa-f]{1,4}$/.test(group))) return null;
  return { bits: 128, value: all.reduce((sum, group) => (sum << 16n) | BigInt(`0x${group}`), 0n) };
}
