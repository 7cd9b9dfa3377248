/** Plan: the difference between what nodes should hold and what they do hold, with the reason for each line. */
import type { GrantId } from "./grant.ts";
import type { VersionNumber } from "./key.ts";
import type { KeyName, NodeName } from "./name.ts";

export type PlanLine = {
  readonly node: NodeName;
  readonly key: KeyName;
  /** Where it lies or will lie on the node. */
  readonly path: string;
  /** For people: the grant's query and the attribute that decided. */
  readonly reason: string;
} & (
  | { readonly change: "gain"; readonly grant: GrantId; readonly version: VersionNumber }
  | {
      readonly change: "replace";
      readonly grant: GrantId;
      readonly version: VersionNumber;
      readonly held: VersionNumber;
    }
  | { readonly change: "lose"; readonly held: VersionNumber }
);
