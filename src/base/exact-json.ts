/**
 * Exact JSON: integers keep their digits, members their order, and a float stays a float: for formats of programs
 * that tell `1` from `1.0` and count beyond 2^53, as those in Ruby do.
 *
 *     integer    bigint         no point and no exponent
 *     float      number         with one of them, and finite
 *     object     Map            of two members of one name, the last one counts
 *
 * Read as Chef's parser (ffi-yajl) reads: blanks, VT and FF among them, around the value and comments between values are taken; a byte order
 * mark, leading zeros, NaN and text after the value are not. A lone surrogate is refused, where that parser puts a
 * question mark in its place.
 */
import { KeywardError } from "./errors.ts";
import type { JsonLimits } from "./json.ts";

export type ExactJson =
  | null
  | boolean
  | string
  | bigint
  | number
  | readonly ExactJson[]
  | ReadonlyMap<string, ExactJson>;

export type ExactObject = ReadonlyMap<string, ExactJson>;

export const exactLimits: JsonLimits = { size: 8_388_608, depth: 100, count: 500_000 };

/**
 * @param what - Names the place in errors; the text itself is never quoted.
 * @throws KeywardError `malformed`, or `too-large` when a limit is passed.
 */
export function parseExactJson(text: string, what: string, limits: JsonLimits = exactLimits): ExactJson {
  if (Buffer.byteLength(text) > limits.size)
    throw new KeywardError("too-large", `${what}: more than ${limits.size} bytes`);
  return new Reader(text, what, limits).document();
}

export function isExactObject(value: ExactJson | undefined): value is ExactObject {
  return value instanceof Map;
}

const number = /-?(?:0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?/y;
const plain = /[^"\\\u0000-\u001f]+/y;
const blanks = /(?:[ \t\r\n\v\f]+|\/\*[\s\S]*?\*\/|\/\/[^\n]*(?:\n|$))*/y;
const escapes: Readonly<Record<string, string>> = {
  '"': '"',
  "\\": "\\",
  "/": "/",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
};
const words: readonly (readonly [string, null | boolean])[] = [
  ["null", null],
  ["true", true],
  ["false", false],
];

class Reader {
  readonly #text: string;
  readonly #what: string;
  #at = 0;
  #depth: number;
  #count: number;

  constructor(text: string, what: string, { depth, count }: JsonLimits) {
    this.#text = text;
    this.#what = what;
    this.#depth = depth;
    this.#count = count;
  }

  document(): ExactJson {
    const value = this.#value();
    this.#skip();
    if (this.#at !== this.#text.length) throw this.#malformed();
    return value;
  }

  #value(): ExactJson {
    if (this.#count-- <= 0) throw new KeywardError("too-large", `${this.#what}: too many values`);
    this.#skip();
    switch (this.#text[this.#at]) {
      case "{":
        return this.#deeper(() => this.#object());
      case "[":
        return this.#deeper(() => this.#list());
      case '"':
        return this.#string();
    }
    for (const [word, value] of words) if (this.#take(word)) return value;
    return this.#number();
  }

  #deeper<T>(read: () => T): T {
    if (this.#depth-- <= 0) throw new KeywardError("too-large", `${this.#what}: nested too deep`);
    this.#at++;
    const value = read();
    this.#depth++;
    return value;
  }

  #object(): ExactObject {
    const members = new Map<string, ExactJson>();
    this.#skip();
    if (this.#take("}")) return members;
    do {
      this.#skip();
      if (this.#text[this.#at] !== '"') throw this.#malformed();
      const name = this.#string();
      this.#skip();
      if (!this.#take(":")) throw this.#malformed();
      members.set(name, this.#value());
      this.#skip();
    } while (this.#take(","));
    if (!this.#take("}")) throw this.#malformed();
    return members;
  }

  #list(): ExactJson[] {
    const values: ExactJson[] = [];
    this.#skip();
    if (this.#take("]")) return values;
    do {
      values.push(this.#value());
      this.#skip();
    } while (this.#take(","));
    if (!this.#take("]")) throw this.#malformed();
    return values;
  }

  #string(): string {
    this.#at++;
    let out = "";
    for (;;) {
      out += this.#match(plain)?.[0] ?? "";
      const mark = this.#text[this.#at++];
      if (mark === '"') break;
      if (mark !== "\\") throw this.#malformed();
      out += this.#escape();
    }
    if (!out.isWellFormed()) throw this.#malformed();
    return out;
  }

  #escape(): string {
    const mark = this.#text[this.#at++] ?? "";
    if (mark !== "u") {
      const plainly = Object.hasOwn(escapes, mark) ? escapes[mark] : undefined;
      if (plainly === undefined) throw this.#malformed();
      return plainly;
    }
    const digits = this.#text.slice(this.#at, this.#at + 4);
    if (!/^[0-9A-Fa-f]{4}$/.test(digits)) throw this.#malformed();
    this.#at += 4;
    return String.fromCharCode(Number.parseInt(digits, 16));
  }

  #number(): bigint | number {
    const found = this.#match(number);
    if (found === null) throw this.#malformed();
    const [text, fraction, exponent] = found;
    // A digit here would be one after a leading zero.
    if (/[0-9]/.test(this.#text[this.#at] ?? "")) throw this.#malformed();
    if (fraction === undefined && exponent === undefined) return BigInt(text);
    const value = Number(text);
    if (!Number.isFinite(value)) throw this.#malformed();
    return value;
  }

  #skip(): void {
    this.#match(blanks);
  }

  #take(token: string): boolean {
    if (!this.#text.startsWith(token, this.#at)) return false;
    this.#at += token.length;
    return true;
  }

  #match(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text);
    if (found !== null) this.#at = pattern.lastIndex;
    return found;
  }

  #malformed(): KeywardError {
    return new KeywardError("malformed", `${this.#what}: not valid JSON`);
  }
}
