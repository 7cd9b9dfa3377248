/**
 * Keyward's own nodes as a source, for units, containers and pods that no Marathon knows: app id `node:NAME`, and as task
 * id the name of a unit or a pod, or nothing for the node as a whole.
 *
 *     deploy key    the node's attribute secretary.deploy, or secretary.tasks.TASK.deploy; service keys likewise
 *     may open      envelopes in the values of keys below `sealed/` (`sealed/TASK/`) that the node was granted
 *
 * Only attributes that may grant count: what a node reports of itself registers no key.
 */
import { KeywardError } from "../base/errors.ts";
import { type EnvelopeHash, envelopeHash } from "../formats/secretary/allowed.ts";
import { type PublicKey, parsePublicKey } from "../formats/secretary/keys.ts";
import { type NodeName, parseNodeName } from "../model/name.ts";
import type { Claim, Source } from "./asker.ts";

/** The nodes as the daemon needs them. */
export interface OwnNodes {
  /** `null` unless there is such a node and it is active. */
  find(name: NodeName): OwnNode | null;
}

export interface OwnNode {
  /** An attribute that may grant, by its path; `null` unless it is one text. */
  attribute(path: readonly string[]): string | null;
  /** Envelopes in the values of keys that it was granted, by hash, of the keys whose names begin so. */
  granted(prefix: string): Promise<ReadonlySet<EnvelopeHash>>;
}

/** What stands before a node's name in an app id; no id of Marathon begins like this. */
export const NODE_PREFIX = "node:";
const SEALED = "sealed/";

export function createOwnSource(nodes: OwnNodes): Source {
  return {
    name: "keyward",
    assertClaim({ appId, taskId }) {
      nodeNameIn(appId);
      if (!/^[A-Za-z0-9-]{0,128}$/.test(taskId))
        throw new KeywardError(
          "malformed",
          "taskid is not the name of a unit or pod: letters, digits and dashes",
        );
    },
    async find(claim) {
      const { appId, taskId } = claim;
      const node = nodes.find(nodeNameIn(appId));
      if (node === null) throw new KeywardError("not-found", "no such node is active");
      const at = taskId === "" ? ["secretary"] : ["secretary", "tasks", taskId];
      const deploy = keyAt(node, [...at, "deploy"]);
      if (deploy === null)
        throw new KeywardError("not-found", `the node has no attribute ${at.join(".")}.deploy`);
      const service = keyAt(node, [...at, "service"]);
      const allowed = await node.granted(taskId === "" ? SEALED : `${SEALED}${taskId}/`);
      return {
        deploy,
        ...(service === null ? {} : { service }),
        isSame: (request) => request.appId === appId && request.taskId === taskId,
        refusal: ({ requestedSecret }) =>
          allowed.has(envelopeHash(requestedSecret)) ? null : "no key that the node was granted holds it",
      };
    },
  };
}

/** @throws KeywardError `malformed` */
function nodeNameIn(appId: Claim["appId"]): NodeName {
  try {
    return parseNodeName(appId.slice(NODE_PREFIX.length));
  } catch {
    throw new KeywardError("malformed", "appid is not node: and the name of a node");
  }
}

function keyAt(node: OwnNode, path: readonly string[]): PublicKey | null {
  const text = node.attribute(path);
  return text === null ? null : parsePublicKey(text, path.join("."));
}
