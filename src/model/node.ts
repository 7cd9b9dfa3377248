/** Node: a machine. Attributes keep their origin, because reported facts never grant a key. */
import type { Json } from "../base/json.ts";
import type { UnixMs } from "../base/time.ts";
import type { NodeName } from "./name.ts";
import type { PushSettings } from "./push.ts";

export type NodeState = "pending" | "active" | "frozen" | "revoked";

export const origins = ["set", "attested", "inventory", "reported"] as const;
/** `set` by an operator, `attested` at enrolment, read from an `inventory`, or `reported` by the node itself. */
export type Origin = (typeof origins)[number];

export type AttributeTree = { readonly [name: string]: Json };
export type Attributes = Readonly<Record<Origin, AttributeTree>>;

export interface NodeIdentity {
  /** The generation of the newest certificate issued to the node. */
  readonly issued: number;
  /** The newest generation that the node has presented: an older one presented after it means a copy. */
  readonly seen: number;
  /** SHA-256 of the public key's SubjectPublicKeyInfo, lower-case hex. */
  readonly fingerprint: string;
}

export interface Node {
  readonly name: NodeName;
  readonly state: NodeState;
  /** Why it is frozen or revoked, for people. */
  readonly reason?: string;
  readonly created: UnixMs;
  /** Absent until the node has enrolled. */
  readonly identity?: NodeIdentity;
  readonly attributes: Attributes;
  /** How it is reached, if it has no agent. */
  readonly push?: PushSettings;
}

export const noAttributes: Attributes = { set: {}, attested: {}, inventory: {}, reported: {} };
