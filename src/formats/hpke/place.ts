/** Where a value belongs: an environment and a variable of it. An envelope opens there and nowhere else. */
import { KeywardError } from "../../base/errors.ts";

export interface Place {
  /** 1 to 253 bytes of UTF-8, no control characters: `prod`, `shop/staging`. */
  readonly environment: string;
  /** The variable's name, 1,024 bytes at most; empty for a value in a file or an argument. */
  readonly variable: string;
}

const MAX_ENVIRONMENT_BYTES = 253;
const MAX_VARIABLE_BYTES = 1024;

/** @throws KeywardError `usage` */
export function assertPlace({ environment, variable }: Place): void {
  if (environment === "" || !isName(environment, MAX_ENVIRONMENT_BYTES))
    throw new KeywardError(
      "usage",
      `environment ${JSON.stringify(environment)}: want 1 to 253 bytes of plain text`,
    );
  if (!isName(variable, MAX_VARIABLE_BYTES))
    throw new KeywardError(
      "usage",
      `variable ${JSON.stringify(variable)}: want 1,024 bytes of plain text at most`,
    );
}

function isName(text: string, most: number): boolean {
  return text.isWellFormed() && !/[\u0000-\u001f\u007f]/.test(text) && Buffer.byteLength(text) <= most;
}
