/** Sink: where a stream's lines go. Over HTTPS it is the response; in process, a queue. */

export interface Sink {
  /** @returns `false` when it should not be given more until it has drained. */
  write(line: string): boolean;
  /** The stream is over; what was written still goes out. */
  end(): void;
  /** Break it off: whoever reads does not keep up, or must hear no more. */
  destroy(): void;
  /** Who feeds it, once. A sink that nobody reads any more says so at once. */
  attach(source: Source): void;
}

export interface Source {
  /** There is room again. */
  drained(): void;
  /** Nobody reads any more. Called once. */
  closed(): void;
}
