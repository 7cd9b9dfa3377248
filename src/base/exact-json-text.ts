/**
 * Exact JSON as text, as Chef writes it (ffi-yajl): UTF-8 unescaped, `/` and DEL too, control characters as `\b`, `\n`
 * and so on or `\u00XX` with upper-case digits, floats as Ruby prints them.
 */
import type { ExactJson } from "./exact-json.ts";

/** No blanks. */
export function formatExactJson(value: ExactJson): string {
  return write(value, "", "");
}

/** One member a line, two blanks a level, a line break at the end. */
export function formatExactJsonLines(value: ExactJson): string {
  return `${write(value, "  ", "\n")}\n`;
}

/** As Ruby's `Float#to_s`: `1.0`, `1.5e-09`, `1.0e+21`. */
export function rubyFloat(value: number): string {
  if (Object.is(value, -0)) return "-0.0";
  const [digits = "", exponent = "0"] = Math.abs(value).toExponential().split("e");
  const power = Number(exponent);
  const sign = value < 0 ? "-" : "";
  const figures = digits.replace(".", "");
  if (value === 0) return "0.0";
  if (power < -4 || power >= 16) {
    const [whole = "0", rest = ""] = [figures.slice(0, 1), figures.slice(1)];
    const places = String(Math.abs(power)).padStart(2, "0");
    return `${sign}${whole}.${rest === "" ? "0" : rest}e${power < 0 ? "-" : "+"}${places}`;
  }
  if (power < 0) return `${sign}0.${"0".repeat(-power - 1)}${figures}`;
  const whole = figures.slice(0, power + 1).padEnd(power + 1, "0");
  return `${sign}${whole}.${figures.slice(power + 1) || "0"}`;
}

function write(value: ExactJson, indent: string, margin: string): string {
  switch (typeof value) {
    case "string":
      return quote(value);
    case "number":
      return rubyFloat(value);
    case "bigint":
    case "boolean":
      return String(value);
  }
  if (value === null) return "null";
  const inner = margin + indent;
  const colon = indent === "" ? ":" : ": ";
  if (Array.isArray(value))
    return wrap(
      "[]",
      value.map((one: ExactJson) => write(one, indent, inner)),
      inner,
      margin,
    );
  const members = [...(value as ReadonlyMap<string, ExactJson>)];
  return wrap(
    "{}",
    members.map(([name, member]) => `${quote(name)}${colon}${write(member, indent, inner)}`),
    inner,
    margin,
  );
}

function wrap(brackets: string, parts: readonly string[], inner: string, margin: string): string {
  if (parts.length === 0) return brackets;
  return `${brackets[0]}${inner}${parts.join(`,${inner}`)}${margin}${brackets[1]}`;
}

const short: Readonly<Record<string, string>> = {
  '"': '\\"',
  "\\": "\\\\",
  "\b": "\\b",
  "\f": "\\f",
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
};

function quote(text: string): string {
  const escaped = text.replace(
    /["\\\u0000-\u001f]/g,
    (c) => short[c] ?? `\\u${c.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}`,
  );
  return `"${escaped}"`;
}
