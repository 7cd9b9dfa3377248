/**
 * Delivery: keys pushed by SSH to nodes that have no agent. The server stands in for the agent: it asks the fleet for
 * the node's bundle as the node would, puts files in place, takes away what is no longer wanted, runs the programs that
 * a change calls for, and says what is proved. So plan, history, rotation and the log know no difference.
 *
 *     push-node.ts   one node, from its bundle to its report      pusher.ts   who is due, how many at once, who is down
 *     in-place.ts    what lies there, held against what should    login.ts    who we are to the hosts
 *     ssh-certificates.ts   for users and hosts, by Keyward's SSH CA
 *     pushed.ts      what is known of a node between two pushes  standing.ts   how it was last, when it is its turn
 */
export { createLogin, type Login } from "./login.ts";
export type { PushOutcome } from "./push-node.ts";
export { createPusher, type Pusher, type PushRun } from "./pusher.ts";
export { createSshCertificates, type SshCertificates } from "./ssh-certificates.ts";
export type { LastPush } from "./standing.ts";
