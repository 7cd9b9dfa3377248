/** A file that only this user can read, replaced in one step: where the server's certificate and key are kept. */
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import { KeywardError } from "../base/errors.ts";
import type { TlsKeep } from "./tls-identity.ts";

/** @throws KeywardError `local` when the file cannot be read or written. */
export function createTlsFile(path: string): TlsKeep {
  return {
    read() {
      try {
        return readFileSync(path, "utf8");
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
        throw failed(path, "read", error);
      }
    },
    write(text) {
      try {
        replace(path, text);
      } catch (error) {
        throw failed(path, "write", error);
      }
    },
  };
}

function replace(path: string, text: string): void {
  const next = `${path}.next`;
  rmSync(next, { force: true });
  // exclusive: never through a link that someone else has put there
  const file = openSync(next, "wx", 0o600);
  try {
    writeSync(file, text);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(next, path);
  const directory = openSync(dirname(path), "r");
  fsyncSync(directory);
  closeSync(directory);
}

function failed(path: string, what: "read" | "write", cause: unknown): KeywardError {
  const code = (cause as NodeJS.ErrnoException).code ?? "unknown";
  return new KeywardError(
    "local",
    `the server's certificate ${JSON.stringify(path)}: cannot ${what} it (${code})`,
    {
      hint: "check the directory's owner and its free space",
      cause,
    },
  );
}
