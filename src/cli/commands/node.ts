/** `keyward node`: the machines. */
import { runnable } from "../run.ts";
import { add, approve, enrol, set } from "./node/describe.ts";
import { list, show } from "./node/look.ts";
import { push } from "./node/push.ts";
import { freeze, revoke, rm, thaw } from "./node/states.ts";

export const command = runnable("node", {
  summary: "Nodes: machines with an identity, attributes and a state.",
  acts: { add, list, show, set, enrol, approve, push, freeze, thaw, revoke, rm },
});
