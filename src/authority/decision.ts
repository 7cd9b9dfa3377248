/**
 * The decision on a first contact, pure: what is asked for, against what is known.
 *
 * A token that is bound to a name opens that name, also one that is in use. A token that is not bound opens a
 * new name only: else whoever holds one could take the place of a node that was granted keys already. The
 * key that a node was enrolled or approved with opens it again, because who has it is no stranger: an agent
 * whose answer was lost, a machine that was off for longer than its certificate lives, or one that has its key from
 * its seed and nothing else after a boot. If a copy of the machine does that, the generations show it.
 */
import type { Node } from "../model/node.ts";
import type { JoinTokenRow } from "./join-token.ts";

export type Decision =
  | {
      readonly kind: "issue";
      readonly row: Node | null;
      /** To be used up; `null` when it was not needed. */
      readonly token: JoinTokenRow | null;
      readonly generation: number;
      readonly how: "join token" | "the same key";
    }
  | { readonly kind: "wait"; readonly row: Node | null }
  | { readonly kind: "refuse"; readonly reason: string; readonly hint: string };

export interface Contact {
  readonly row: Node | null;
  /** A good one: the secret fits and its time is not over. */
  readonly token: JoinTokenRow | null;
  readonly tokenGiven: boolean;
  /** Fingerprint of the key that signed the request. */
  readonly key: string;
}

export function decide({ row, token, tokenGiven, key }: Contact): Decision {
  if (row?.state === "frozen" || row?.state === "revoked") {
    return refuse(`is ${row.state}`, row.state === "frozen" ? "thaw it first" : "remove the node first");
  }
  const generation = (row?.identity?.issued ?? 0) + 1;
  const sameKey = row?.identity?.fingerprint === key;
  if (row?.state === "active" && sameKey)
    return { kind: "issue", row, token, generation, how: "the same key" };
  if (token !== null) {
    const bound = token.node !== undefined;
    if (bound && row !== null && token.node !== row.name)
      return refuse("the join token is for another node", NEW_TOKEN);
    if (bound || row === null || sameKey) return { kind: "issue", row, token, generation, how: "join token" };
    return refuse(
      "is known already, and the join token is not bound to it",
      "make one: keyward node enrol NAME",
    );
  }
  if (tokenGiven) return refuse("the join token is not accepted: unknown, used or expired", NEW_TOKEN);
  if (row?.state === "active") return refuse("is enrolled with another key", NEW_TOKEN);
  return { kind: "wait", row };
}

const NEW_TOKEN = "ask for a join token that is bound to this name: keyward node enrol NAME";

function refuse(reason: string, hint: string): Decision {
  return { kind: "refuse", reason, hint };
}
