/** Sink: where a stream's lines go. Over HTTPS it is the response; in process, a queue. */

export interface Sink {
  /** @returns `false` when it should not be given more until it has drained. */
  write(line: string): boolean;
  /** The stream is over; what was written still goes out. */
  end(): void;
  /** Who feeds it; told when there is room again, and when nobody reads any more. Set once. */
  source: Source | null;
}

export interface Source {
  drained(): void;
  closed(): void;
}
