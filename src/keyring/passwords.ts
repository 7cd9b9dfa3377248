/** Passwords: each text of the alphabet that has a character of every class, as likely as any other. */
import { KeywardError } from "../base/errors.ts";
import { Secret } from "../base/secret.ts";
import { ownBytes } from "../crypto/memory.ts";
import { type Random, uniform } from "../crypto/random.ts";
import type { Recipe } from "../model/key.ts";
import type { PasswordClass } from "../model/realm.ts";

type PasswordRecipe = Extract<Recipe, { kind: "password" }>;

/** Without quotes, blanks, backslash and `$`, which configuration files and shells take amiss. */
export const DEFAULT_SPECIALS = "!#%&*+,-./:;=?@^_~";

const alphabets = {
  lower: "abcdefghijklmnopqrstuvwxyz",
  upper: "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
  digit: "0123456789",
} as const;

export const MIN_LENGTH = 8;
export const MAX_LENGTH = 1024;
/** So that a random text lacks a class often enough to be drawn again, and not for ever. */
const MAX_DRAWS = 100_000;

/** @throws KeywardError `usage` */
export function assertPassword(recipe: PasswordRecipe): void {
  const { length, classes, specials = DEFAULT_SPECIALS } = recipe;
  const refuse = (why: string): KeywardError => new KeywardError("usage", `password: ${why}`);
  if (!Number.isInteger(length) || length < MIN_LENGTH || length > MAX_LENGTH) {
    throw refuse(`want a length from ${MIN_LENGTH} to ${MAX_LENGTH}`);
  }
  const known = classes.every((one) => one === "special" || Object.hasOwn(alphabets, one));
  if (classes.length === 0 || !known || new Set(classes).size !== classes.length) {
    throw refuse("want some of the classes lower, upper, digit and special, each once");
  }
  const once = new Set(specials).size === specials.length;
  if (!/^[!-/:-@[-`{-~]{1,32}$/.test(specials) || !once) {
    throw refuse("want each special once, ASCII, and neither a letter, a digit nor a blank");
  }
}

/**
 * Draws whole texts until one has every class: drawing one of each class first and mixing them would favour
 * some texts over others.
 */
export function makePassword(recipe: PasswordRecipe, random: Random): Secret {
  assertPassword(recipe);
  const sets = recipe.classes.map((one) => alphabetOf(one, recipe));
  const alphabet = sets.join("");
  const text = ownBytes(recipe.length);
  for (let draw = 0; draw < MAX_DRAWS; draw++) {
    const missing = new Set(sets);
    for (let i = 0; i < text.byteLength; i++) {
      const character = alphabet.charAt(uniform(random, alphabet.length));
      text[i] = character.charCodeAt(0);
      for (const set of missing) if (set.includes(character)) missing.delete(set);
    }
    if (missing.size === 0) return Secret.take(text);
  }
  throw new KeywardError("internal", "password: no text with every class was drawn");
}

function alphabetOf(one: PasswordClass, { specials = DEFAULT_SPECIALS }: PasswordRecipe): string {
  return one === "special" ? specials : alphabets[one];
}
