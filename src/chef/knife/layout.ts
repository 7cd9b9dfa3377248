/**
 * Knife's layouts. Text: a name and its value on a line, names in order, the values in one column, what is inside
 * indented by two blanks; a list of one word is shown as the word. JSON: as the parser of Chef prints it, an empty
 * object and an empty list on three lines. YAML: as Ruby dumps it. pp: as Ruby prints its own values.
 *
 * Source: chef/chef 17.10.168, knife/lib/chef/knife/core/text_formatter.rb and generic_presenter.rb; chef/ffi-yajl.
 * Recorded: test/vectors/chef/knife.json.
 */
import type { ExactJson } from "../../base/exact-json.ts";
import { formatExactJson, rubyFloat } from "../../base/exact-json-text.ts";
import { prettyRuby } from "./pp.ts";
import {
  isShownList,
  isShownObject,
  Mash,
  plainOf,
  RubyObject,
  RubySymbol,
  type Shown,
  type ShownObject,
  SymbolHash,
} from "./shown.ts";
import { dumpYaml } from "./yaml.ts";

export type KnifeFormat = "summary" | "text" | "json" | "yaml" | "pp";

/** With a line break at its end. */
export function layOut(value: Shown, format: KnifeFormat): string {
  return lineEnded(laidOut(value, format));
}

/** As Ruby's `puts` leaves it. */
export function lineEnded(text: string): string {
  return text.endsWith("\n") ? text : `${text}\n`;
}

function laidOut(value: Shown, format: KnifeFormat): string {
  switch (format) {
    case "summary":
    case "text":
      return asText(value);
    case "json":
      return asJson(value, "");
    case "yaml":
      return dumpYaml(value);
    case "pp":
      return prettyRuby(value);
  }
}

export function asText(given: Shown): string {
  const value = plainOf(given);
  if (isShownObject(value)) return textOfObject(value);
  if (!isShownList(value)) return `${wordOf(value)}\n`;
  return value.map((one, i) => asText(one) + (isSingle(one) || i === value.length - 1 ? "" : "\n")).join("");
}

function textOfObject(object: ShownObject): string {
  const width = Math.max(0, ...[...object.keys()].map((name) => [...name].length)) + 1;
  const members = [...object].sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  return members.map(([name, value]) => textOfMember(name, onlyOne(plainOf(value)), width)).join("");
}

function textOfMember(name: string, value: Shown, width: number): string {
  const label = `${name}:`;
  if (isSingle(value))
    return `${label}${" ".repeat(Math.max(0, width - [...label].length))} ${wordOf(value)}\n`;
  const lines = asText(value).replace(/\n+$/, "");
  const inner = lines === "" ? [] : lines.split("\n");
  return `${label}\n${inner.map((line) => `  ${line}\n`).join("")}`;
}

/** A list of one word stands for the word. */
function onlyOne(value: Shown): Shown {
  if (!isShownList(value) || value.length !== 1) return value;
  const [only = null] = value;
  return isSingle(only) ? only : value;
}

function isSingle(value: Shown): boolean {
  const plain = plainOf(value);
  return !isShownList(plain) && !isShownObject(plain);
}

/** As Ruby prints it. */
function wordOf(given: Shown): string {
  const value = plainOf(given);
  if (value === null) return "";
  if (value instanceof RubySymbol) return value.name;
  return typeof value === "number" ? rubyFloat(value) : String(value);
}

function asJson(value: Shown, margin: string): string {
  if (value instanceof RubyObject) return `${asJson(value.json, "")}\n`;
  if (value instanceof RubySymbol) return formatExactJson(value.name);
  if (value instanceof Mash || value instanceof SymbolHash) return asJson(value.members, margin);
  const inner = `${margin}  `;
  const wrap = (open: string, parts: readonly string[], close: string): string =>
    `${open}\n${parts.map((part) => inner + part).join(",\n")}\n${margin}${close}`;
  if (isShownObject(value))
    return wrap(
      "{",
      [...value].map(([name, one]) => `${formatExactJson(name)}: ${asJson(one, inner)}`),
      "}",
    );
  if (!isShownList(value)) return formatExactJson(value as ExactJson);
  return wrap(
    "[",
    value.map((one) => asJson(one, inner)),
    "]",
  );
}
