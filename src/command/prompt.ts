/** Passphrases and values typed at the terminal, without echo. */
import { closeSync, openSync, readSync } from "node:fs";
import { ReadStream } from "node:tty";
import { KeywardError } from "../base/errors.ts";
import { Secret } from "../base/secret.ts";
import { brokenOff } from "./broken-off.ts";

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

export interface Asking {
  /** Ctrl-D is no key: what was typed stays, and the question too. */
  readonly deafToEnd?: boolean;
}

/**
 * Ask at the controlling terminal, even when stdin is a pipe. Bytes are read one by one and at once: what was typed
 * for the next question stays with the terminal, and Bun neither opens a stream on it twice nor ends after one.
 *
 * @throws KeywardError `usage` when there is no terminal, `local` when the person breaks off.
 */
export async function askSecret(question: string, { deafToEnd = false }: Asking = {}): Promise<Secret> {
  const { mode, input } = openTerminal();
  const typed = createTyped();
  try {
    // First: whoever sees the question may type, and nothing of it is shown.
    mode.setRawMode(true);
    process.stderr.write(question);
    return readLine(input, typed, deafToEnd);
  } finally {
    typed.bytes.fill(0);
    mode.setRawMode(false);
    mode.destroy();
    closeSync(input);
    process.stderr.write("\n");
  }
}

/** One stream to set its mode by, which is never read, and a file to read from. */
function openTerminal(): { mode: ReadStream; input: number } {
  try {
    return { mode: new ReadStream(openSync("/dev/tty", "r+")), input: openSync("/dev/tty", "r") };
  } catch (error) {
    throw new KeywardError("usage", "there is no terminal to ask at", {
      hint: "give it in a file or on standard input; --help of the command says how",
      cause: error,
    });
  }
}

function readLine(input: number, typed: Typed, deafToEnd: boolean): Secret {
  const byte = new Uint8Array(1);
  for (;;) {
    const hungUp = readSync(input, byte, 0, 1, null) === 0;
    if (deafToEnd && !hungUp && byte[0] === CTRL_D) continue;
    const state = hungUp ? "interrupted" : take(typed, byte[0] ?? 0);
    byte[0] = 0;
    if (state === "interrupted") throw brokenOff();
    if (state === "done") return Secret.copy(typed.bytes.subarray(0, typed.length));
  }
}
