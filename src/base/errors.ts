/**
 * The one error class. A code comes from the closed list below; the table gives the HTTP status and the
 * exit status for each. A message says what was read and what was wrong with it, in lower case, and never
 * holds a secret; the hint names the next step.
 */

/** Code, HTTP status, exit status. The exit statuses are those of `keyward help exit-codes`. */
const codes = {
  usage: { http: 400, exit: 1 },
  malformed: { http: 400, exit: 1 },
  local: { http: 500, exit: 1 },
  "too-large": { http: 413, exit: 1 },
  internal: { http: 500, exit: 2 },
  sealed: { http: 503, exit: 2 },
  uninitialised: { http: 503, exit: 2 },
  "rate-limited": { http: 429, exit: 2 },
  timeout: { http: 504, exit: 2 },
  "not-found": { http: 404, exit: 3 },
  unauthenticated: { http: 401, exit: 4 },
  denied: { http: 403, exit: 4 },
  unreachable: { http: 502, exit: 5 },
  conflict: { http: 409, exit: 6 },
  compacted: { http: 410, exit: 6 },
  busy: { http: 409, exit: 6 },
  "wrong-key": { http: 400, exit: 7 },
  integrity: { http: 500, exit: 7 },
} as const;

export type ErrorCode = keyof typeof codes;

/** `plan` and `--check` commands end with this when there is something to do; it is not an error. */
export const EXIT_CHANGES_PENDING = 8;

export class KeywardError extends Error {
  override readonly name = "KeywardError";
  readonly code: ErrorCode;
  readonly hint: string | undefined;

  /**
   * @param code - From the closed list.
   * @param message - What was read and what was wrong with it; no secret.
   * @param options - `hint`: the next step, for a person; `cause`: the error beneath.
   */
  constructor(code: ErrorCode, message: string, options: { hint?: string; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.hint = options.hint;
  }

  get httpStatus(): number {
    return codes[this.code].http;
  }

  get exitStatus(): number {
    return codes[this.code].exit;
  }
}

/** Is this text one of our codes? For answers that come over the wire. */
export function isErrorCode(text: string): text is ErrorCode {
  return Object.hasOwn(codes, text);
}

export function isKeywardError(error: unknown, code?: ErrorCode): error is KeywardError {
  return error instanceof KeywardError && (code === undefined || error.code === code);
}
