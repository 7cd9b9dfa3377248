/**
 * Secretary: who may open which sealed value. The original's daemon asks Marathon or Mesos what a task was given;
 * ours does too, and besides knows Keyward's own nodes and grants.
 *
 *     opening.ts, box-keys.ts    one sealed value opened, with several generations of keys
 */
export type { OpenedValue, Opening } from "./opening.ts";
