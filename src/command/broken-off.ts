/**
 * Somebody broke off at the terminal. Known by its text, because a class of its own would be another one in each
 * bundle; apart from the prompt, so that who only knows the error loads no terminal.
 */
import { isKeywardError, KeywardError } from "../base/errors.ts";

const BROKEN_OFF = "broken off at the terminal";

export function brokenOff(): KeywardError {
  return new KeywardError("local", BROKEN_OFF);
}

export function isBrokenOff(error: unknown): boolean {
  return isKeywardError(error, "local") && error.message === BROKEN_OFF;
}
