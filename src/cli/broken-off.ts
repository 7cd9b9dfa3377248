/** Somebody broke off at the terminal. Apart from the prompt, so that who only knows the error loads no terminal. */
import { KeywardError } from "../base/errors.ts";

export class BrokenOff extends KeywardError {
  constructor() {
    super("local", "broken off at the terminal");
  }
}
