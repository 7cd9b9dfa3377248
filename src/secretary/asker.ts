/**
 * Asker: who asks for a sealed value, as a source knows it, and what it may have opened. A source is what knows which
 * tasks run and what they were given: Marathon, Mesos, Keyward's own nodes.
 */
import type { Instant } from "../formats/secretary/instant.ts";
import type { PublicKey } from "../formats/secretary/keys.ts";
import type { DecryptRequest, Wanted } from "../formats/secretary/request.ts";

/** What a request says of its sender before anything is proved. */
export interface Claim {
  readonly appId: string;
  /** As it was written; empty where there is none. */
  readonly appVersion: string;
  /** `null` where there is no version. */
  readonly instant: Instant | null;
  readonly taskId: string;
}

export type SourceName = "marathon" | "mesos" | "keyward";

export interface Asker {
  readonly deploy: PublicKey;
  readonly service?: PublicKey;
  /** Is what the sealed request says of its sender the same as the claim? */
  isSame(request: DecryptRequest): boolean;
  /** Why it may not have this opened; `null`: it may. */
  refusal(wanted: Wanted): string | null;
}

export interface Source {
  readonly name: SourceName;
  /** Before anyone is asked. @throws KeywardError `malformed` for a claim that cannot be one. */
  assertClaim(claim: Claim): void;
  /** @throws KeywardError `not-found` when no such task runs or it was given no key; what the adapter throws. */
  find(claim: Claim): Promise<Asker>;
}
