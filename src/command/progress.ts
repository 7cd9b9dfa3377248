/** Progress: one line on stderr that is overwritten, only where a person watches. */
import { plain } from "./terminal.ts";
import type { Sink } from "./world.ts";

export interface Progress {
  say(line: string): void;
  /** Take the line away. */
  end(): void;
}

export function createProgress(stderr: Sink, format: string): Progress {
  const shown = stderr.isTTY === true && format === "table";
  let open = false;
  return {
    say(line) {
      if (!shown) return;
      stderr.write(`\r\u001b[K${plain(line)}`);
      open = true;
    },
    end() {
      if (open) stderr.write("\r\u001b[K");
      open = false;
    },
  };
}
