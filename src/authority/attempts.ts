/** Attempts: what was decided before a certificate was made must still hold in the transaction that records it. */
import { KeywardError } from "../base/errors.ts";

/** Thrown through a transaction: the node or the token changed after the certificate was drafted. */
export const CHANGED = new KeywardError("conflict", "the node changed while its certificate was made", {
  hint: "try again",
});

const ATTEMPTS = 5;

/** Once more when something changed between the two decisions. */
export async function again<T>(attempt: () => Promise<T>): Promise<T> {
  for (let left = ATTEMPTS; ; left--) {
    try {
      return await attempt();
    } catch (error) {
      if (error !== CHANGED || left <= 1) throw error;
    }
  }
}
