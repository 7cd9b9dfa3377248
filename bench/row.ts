/** One figure of `npm run bench`. */
export interface Row {
  readonly what: string;
  readonly figure: string;
  readonly goal: string;
  readonly met: boolean;
  /** What was running, with how much, where. */
  readonly conditions: string;
}
