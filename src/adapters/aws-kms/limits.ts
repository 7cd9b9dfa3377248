/** Limits of the calls to AWS KMS: time, tries, how many at once. */
export interface AwsKmsLimits {
  /** For one call, its retries and the finding of credentials included. */
  readonly callMs: number;
  /** For one try. */
  readonly tryMs: number;
  /** For the connection of one try. */
  readonly connectMs: number;
  /** Tries of one call, the first included. Between them the library waits, longer each time, by chance. */
  readonly tries: number;
  /** Calls at the same time; others wait for their turn. */
  readonly atOnce: number;
  /** How long an opened secret is kept for the next who asks the same. 0: only for those who ask meanwhile. */
  readonly keepMs: number;
}

export const defaultAwsKmsLimits: AwsKmsLimits = {
  callMs: 10_000,
  tryMs: 4_000,
  connectMs: 2_000,
  tries: 3,
  atOnce: 16,
  keepMs: 1_000,
};
