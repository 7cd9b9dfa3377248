/** What may be missing. */
import { isKeywardError } from "../../base/errors.ts";

/** `null`: there is none. */
export async function orNothing<T>(answer: Promise<T>): Promise<T | null> {
  try {
    return await answer;
  } catch (error) {
    if (isKeywardError(error, "not-found")) return null;
    throw error;
  }
}
