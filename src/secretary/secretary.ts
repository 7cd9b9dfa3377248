/**
 * Secretary: who may open which sealed value. The original's daemon asks Marathon or Mesos what a task was given; ours
 * does too, and besides knows Keyward's own nodes and grants.
 *
 *     opening.ts, box-keys.ts                 one sealed value opened, with several generations of keys
 *     decision.ts                             one request decided, step by step
 *     asker.ts, claim.ts                      who asks, before and after it is proved
 *     marathon-source.ts, mesos-source.ts     what runs, and what it was given
 *     cached.ts, following.ts                 for how long an answer about that holds
 *     replays.ts                              requests that were answered before
 */
export type { Decision } from "./decision.ts";
export type { Opening } from "./opening.ts";
