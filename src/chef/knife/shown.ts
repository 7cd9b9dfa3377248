/** What knife shows: JSON values, and the objects and symbols of Ruby that print in a way of their own. */
import type { ExactJson, ExactObject } from "../../base/exact-json.ts";

/** An object that Chef turns into JSON by itself: it stands in pretty JSON as if it stood alone. */
export class RubyObject {
  readonly json: ExactJson;
  /** As text, YAML and inspected. */
  readonly plain: ExactJson;
  constructor(json: ExactJson, plain: ExactJson = json) {
    this.json = json;
    this.plain = plain;
  }
}

/** A hash of Chef's own class, which YAML names; so are those inside of it. */
export class Mash {
  readonly members: ExactObject;
  constructor(members: ExactObject) {
    this.members = members;
  }
}

export class RubySymbol {
  readonly name: string;
  constructor(name: string) {
    this.name = name;
  }
}

/** Text that is printed as it is, whatever the form. */
export class Words {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

/** A hash whose names are symbols. */
export class SymbolHash {
  readonly members: ReadonlyMap<string, Shown>;
  constructor(members: ReadonlyMap<string, Shown>) {
    this.members = members;
  }
}

export type Shown =
  | ExactJson
  | SymbolHash
  | RubyObject
  | RubySymbol
  | Mash
  | readonly Shown[]
  | ReadonlyMap<string, Shown>;

export type ShownObject = ReadonlyMap<string, Shown>;

export function isShownObject(value: Shown): value is ShownObject {
  return value instanceof Map;
}

export function isShownList(value: Shown): value is readonly Shown[] {
  return Array.isArray(value);
}

/** What a Mash holds is a Mash. */
export function withinMash(value: ExactJson): Shown {
  if (Array.isArray(value)) return (value as readonly ExactJson[]).map(withinMash);
  return value instanceof Map ? new Mash(value) : value;
}

/** Without what is special of Ruby. */
export function plainOf(value: Shown): Shown {
  if (value instanceof RubyObject) return value.plain;
  return value instanceof Mash || value instanceof SymbolHash ? value.members : value;
}
