/** Passphrases and values typed at the terminal, without echo. */
import { openSync } from "node:fs";
import { ReadStream } from "node:tty";
import { KeywardError } from "../base/errors.ts";
import { Secret } from "../base/secret.ts";

const MAX_TYPED = 4096;
const CTRL_C = 0x03;
const CTRL_D = 0x04;
const BACKSPACE = 0x08;
const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const CTRL_U = 0x15;
const DELETE = 0x7f;

/** Bytes typed so far, in memory that can be wiped. */
export interface Typed {
  readonly bytes: Uint8Array;
  length: number;
}

export function createTyped(): Typed {
  return { bytes: new Uint8Array(MAX_TYPED), length: 0 };
}

/**
 * Take one typed byte.
 *
 * @returns `done` at the end of the line, `interrupted` on Ctrl-C, or on Ctrl-D with nothing typed.
 * @throws KeywardError `too-large` past 4,096 bytes.
 */
export function take(typed: Typed, byte: number): "more" | "done" | "interrupted" {
  switch (byte) {
    case LINE_FEED:
    case CARRIAGE_RETURN:
      return "done";
    case CTRL_C:
      return "interrupted";
    case CTRL_D:
      return typed.length === 0 ? "interrupted" : "done";
    case CTRL_U:
      typed.length = 0;
      return "more";
    case BACKSPACE:
    case DELETE:
      eraseCharacter(typed);
      return "more";
  }
  if (typed.length === MAX_TYPED)
    throw new KeywardError("too-large", `the typed line: more than ${MAX_TYPED} bytes`);
  typed.bytes[typed.length++] = byte;
  return "more";
}

/** One character back: over the continuation bytes of UTF-8 to its first byte. */
function eraseCharacter(typed: Typed): void {
  do {
    if (typed.length === 0) return;
    typed.length--;
  } while (((typed.bytes[typed.length] ?? 0) & 0xc0) === 0x80);
}

/**
 * Ask at the controlling terminal, even when stdin is a pipe.
 *
 * @throws KeywardError `usage` when there is no terminal, `local` when the person breaks off.
 */
export async function askSecret(question: string): Promise<Secret> {
  const tty = openTerminal();
  const typed = createTyped();
  try {
    process.stderr.write(question);
    tty.setRawMode(true);
    return await readLine(tty, typed);
  } finally {
    typed.bytes.fill(0);
    tty.setRawMode(false);
    tty.destroy();
    process.stderr.write("\n");
  }
}

function openTerminal(): ReadStream {
  try {
    return new ReadStream(openSync("/dev/tty", "r+"));
  } catch (error) {
    throw new KeywardError("usage", "there is no terminal to ask at", {
      hint: "give it in a file or on standard input; --help of the command says how",
      cause: error,
    });
  }
}

function readLine(tty: ReadStream, typed: Typed): Promise<Secret> {
  return new Promise((resolve, reject) => {
    tty.on("error", reject);
    tty.on("data", (chunk: Buffer) => {
      try {
        for (const byte of chunk) {
          const state = take(typed, byte);
          if (state === "interrupted") reject(new KeywardError("local", "broken off at the terminal"));
          if (state === "done") resolve(Secret.copy(typed.bytes.subarray(0, typed.length)));
          if (state !== "more") return;
        }
      } catch (error) {
        reject(error);
      } finally {
        chunk.fill(0);
      }
    });
  });
}
