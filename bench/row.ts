/** One figure of `npm run bench`. */
export interface Row {
  readonly what: string;
  readonly figure: string;
  /** What stands beside it in the same run, and its figure; absent where nothing does. */
  readonly peer?: string;
  /** Of the two. */
  readonly ratio?: string;
  readonly goal: string;
  readonly met: boolean;
  /** What was running, with how much, where. */
  readonly conditions: string;
}
