/**
 * What a plain YAML scalar is to Ruby's Psych 4: YAML 1.1 with quirks of its own. `010` is 8, `12:30` is 45000 because
 * the first of two parts counts as hours, `1e3` is a string.
 *
 * Source: ruby/psych 4.0.3, lib/psych/scalar_scanner.rb. Cases: test/vectors/chef/edbi-v0.json.
 */
import { KeywardError } from "../../base/errors.ts";

export type Scalar = null | boolean | string | bigint | number;

/** In Ruby `^` and `$` are the ends of lines, and a line ends with LF alone. */
function ruby(source: string, flags = ""): RegExp {
  return new RegExp(source.replace(/^\^/, "(?<=^|\\n)").replace(/\$$/, "(?=\\n|$)"), `u${flags}`);
}

const words = ruby("^[^\\d.:\\-]?[\\p{Alphabetic}_ \\t\\r\\n\\f\\v!@#$%\\^&*(){}<>|/\\\\~;=]+");
const noWord = ruby("^[^ytonf~]", "i");
const none = ruby("^null$", "i");
const yes = ruby("^(?:yes|true|on)$", "i");
const no = ruby("^(?:no|false|off)$", "i");
const time = ruby(
  "^-?\\d{4}-\\d{1,2}-\\d{1,2}(?:[Tt]|[ \\t\\r\\n\\f\\v]+)\\d{1,2}:\\d\\d:\\d\\d(?:\\.\\d*)?(?:[ \\t\\r\\n\\f\\v]*(?:Z|[\\-+]\\d{1,2}:?(?:\\d\\d)?))?$",
);
const date = ruby("^\\d{4}-(?:1[012]|0\\d|\\d)-(?:[12]\\d|3[01]|0\\d|\\d)$");
const notFinite = ruby("^(?:[+\\-]?\\.inf|\\.nan)$", "i");
const symbol = ruby("^:.");
const base60 = ruby("^[\\-+]?[0-9][0-9_]*(?::[0-5]?[0-9]){1,2}$");
const base60Float = ruby("^[\\-+]?[0-9][0-9_]*(?::[0-5]?[0-9]){1,2}\\.[0-9_]*$");
const float = ruby("^[\\-+]?(?:[0-9][0-9_,]*)?\\.[0-9]*(?:[eE][\\-+][0-9]+)?$");
const integer = ruby(
  "^(?:[\\-+]?0b[01_,]+|[\\-+]?0[0-7_,]+|[\\-+]?(?:0|[1-9](?:[0-9]|,[0-9]|_[0-9])*)|[\\-+]?0x[0-9a-fA-F_,]+)$",
);

/** @throws KeywardError `malformed` for dates, and for what Ruby takes and JSON does not have. */
export function readPlainScalar(text: string, what: string): Scalar {
  if (text === "") return null;
  if (words.test(text) || text.includes("\n")) return readWord(text);
  if (time.test(text) || date.test(text)) throw refused(what, "a date or a time");
  if (notFinite.test(text)) throw refused(what, "a number that is not finite");
  if (symbol.test(text)) return symbolName(text);
  if (base60.test(text)) return readBase60(text);
  if (base60Float.test(text)) return readBase60Float(text);
  if (float.test(text)) return readFloat(text, what);
  return integer.test(text) ? readInteger(text, what) : text;
}

/** A symbol stands for its name. */
export function symbolName(text: string): string {
  const quoted = /^:(["'])(.*)\1/.exec(text)?.[2];
  return (quoted ?? text).replace(/^:/, "");
}

function readWord(text: string): Scalar {
  if ([...text].length > 5 || noWord.test(text)) return text;
  if (text === "~" || none.test(text)) return null;
  if (yes.test(text)) return true;
  return no.test(text) ? false : text;
}

function readFloat(text: string, what: string): Scalar {
  if (/^[-+]?\.$/.test(text)) return text;
  const value = Number(text.replace(/[,_]|\.(?=[Ee]|$)/g, ""));
  if (!Number.isFinite(value)) throw refused(what, "a number that is not finite");
  return value;
}

function readInteger(text: string, what: string): bigint {
  const [, sign, digits = ""] = /^([-+]?)(.*)$/s.exec(text.replace(/[,_]/g, "")) ?? [];
  const octal = /^0[0-7]+$/.test(digits) ? `0o${digits.slice(1)}` : digits;
  try {
    const value = BigInt(octal);
    return sign === "-" ? -value : value;
  } catch {
    throw refused(what, "a number without digits");
  }
}

/** Hours, minutes and seconds; of two parts, hours and minutes. A sign is the first part's alone. */
function readBase60(text: string): bigint {
  const scales = [3600n, 60n, 1n];
  return text.split(":").reduce((sum, part, i) => sum + BigInt(leading(part)) * (scales[i] ?? 1n), 0n);
}

function readBase60Float(text: string): number {
  const scales = [3600, 60, 1];
  return text.split(":").reduce((sum, part, i) => sum + Number(leading(part)) * (scales[i] ?? 1), 0);
}

/** As `to_i` and `to_f` read: up to the first that does not fit, single underscores between digits. */
function leading(part: string): string {
  const found = /^[-+]?\d+(?:_\d+)*(?:\.\d+(?:_\d+)*)?/.exec(part)?.[0] ?? "0";
  return found.replace(/[_+]/g, "");
}

function refused(what: string, kind: string): KeywardError {
  return new KeywardError("malformed", `${what}: ${kind}, which a data bag item cannot hold`);
}
