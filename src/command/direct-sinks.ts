/**
 * Standard output and error without the runtime's streams, which cost a start of the process more time than a
 * derivation: what is written has been written when `write` returns.
 */
import { writeSync } from "node:fs";
import { utf8 } from "../base/bytes.ts";
import { cannot } from "./read-file.ts";
import type { Sink, World } from "./world.ts";

export function directSinks(): Pick<World, "stdout" | "stderr"> {
  const sink = (fd: 1 | 2, stream: () => Sink): Sink => ({
    write: (chunk) => writeAll(fd, typeof chunk === "string" ? utf8(chunk) : chunk),
    get isTTY() {
      return stream().isTTY === true;
    },
  });
  return { stdout: sink(1, () => process.stdout), stderr: sink(2, () => process.stderr) };
}

const PAUSE_MS = 2;
const pause = new Int32Array(new SharedArrayBuffer(4));

/** @throws KeywardError `local`. When nobody reads, the process ends quietly, as behind `| head`. */
function writeAll(fd: number, bytes: Uint8Array): void {
  for (let left = bytes; left.length > 0; ) {
    try {
      left = left.subarray(writeSync(fd, left));
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === "EPIPE") process.exit(0);
      // Somebody before us made the pipe one that does not wait, and it is full.
      if (code !== "EAGAIN") throw cannot("write", fd === 1 ? "/dev/stdout" : "/dev/stderr", "file", error);
      Atomics.wait(pause, 0, 0, PAUSE_MS);
    }
  }
}
