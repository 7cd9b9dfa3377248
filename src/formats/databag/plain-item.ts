/**
 * A data bag item in plain: an id and members of any JSON kind. It prints its id and how many members there are, never
 * a value; `members()`, `get()` and `toJson()` mark the places that touch plain text.
 */
import { inspect } from "node:util";
import { KeywardError } from "../../base/errors.ts";
import { type ExactJson, type ExactObject, isExactObject, parseExactJson } from "../../base/exact-json.ts";
import { formatExactJson, formatExactJsonLines } from "../../base/exact-json-text.ts";
import { Secret } from "../../base/secret.ts";
import { printable } from "../../model/name.ts";

export class PlainItem {
  readonly #members: ExactObject;

  constructor(members: ExactObject) {
    this.#members = members;
  }

  /** @throws KeywardError `malformed`, `too-large` */
  static parse(text: string, what = "data bag item"): PlainItem {
    const value = parseExactJson(text, what);
    if (isExactObject(value)) return new PlainItem(value);
    throw new KeywardError("malformed", `${what}: not a JSON object`);
  }

  /** Absent when the item has none, or one that is no string. */
  get id(): string | undefined {
    const id = this.#members.get("id");
    return typeof id === "string" ? id : undefined;
  }

  /** The values too: integers are bigints, floats numbers, objects Maps. */
  members(): ExactObject {
    return this.#members;
  }

  get(name: string): ExactJson | undefined {
    return this.#members.get(name);
  }

  /** @param form - `lines`: two blanks a level, a line break at the end. */
  toJson(form: "compact" | "lines" = "compact"): Secret {
    return Secret.fromText((form === "lines" ? formatExactJsonLines : formatExactJson)(this.#members));
  }

  toString(): string {
    const count = this.#members.size - (this.#members.has("id") ? 1 : 0);
    return `[data bag item ${printable(this.id ?? "")}, ${count} ${count === 1 ? "value" : "values"}]`;
  }

  toJSON(): string {
    return this.toString();
  }

  [inspect.custom](): string {
    return this.toString();
  }
}
