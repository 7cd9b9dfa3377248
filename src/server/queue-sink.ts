/** A stream's lines in the same process: a queue that is read as an async iterable. */
import type { Sink, Source } from "./sink.ts";

const MAX_WAITING = 1024;

export class QueueSink implements Sink {
  #source: Source | null = null;
  #lines: string[] = [];
  #ended = false;
  #wake: () => void = () => {};

  write(line: string): boolean {
    // a blank line only shows that a connection lives
    if (this.#ended || line === "") return !this.#ended;
    this.#lines.push(line);
    this.#wake();
    return this.#lines.length < MAX_WAITING;
  }

  end(): void {
    this.#ended = true;
    this.#wake();
  }

  destroy(): void {
    this.#lines = [];
    this.end();
    this.#close();
  }

  attach(source: Source): void {
    if (this.#ended) source.closed();
    else this.#source = source;
  }

  /** Lines until the stream ends or the signal says so. */
  async *read(signal: AbortSignal): AsyncIterable<string> {
    const stop = (): void => this.destroy();
    signal.addEventListener("abort", stop, { once: true });
    if (signal.aborted) stop();
    try {
      for (;;) {
        while (this.#lines.length > 0) yield* this.#taken();
        if (this.#ended) return;
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    } finally {
      signal.removeEventListener("abort", stop);
      this.destroy();
    }
  }

  #taken(): string[] {
    const lines = this.#lines;
    this.#lines = [];
    if (lines.length >= MAX_WAITING) this.#source?.drained();
    return lines;
  }

  #close(): void {
    const source = this.#source;
    this.#source = null;
    source?.closed();
  }
}
