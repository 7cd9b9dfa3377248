/** A ledger's file, and the one beside it that is to follow while the seed is rotated: NAME.next. */
import { closeSync, constants, existsSync, fsyncSync, openSync, renameSync, rmSync } from "node:fs";
import path from "node:path";
import { cannot, readBytes } from "../../command/read-file.ts";
import { dropLeftovers, replace } from "../../command/write-file.ts";
import { MAX_LEDGER_BYTES } from "../../formats/ledger/ledger.ts";
import type { LedgerPlace } from "../../seed/ledger-place.ts";

/** @param file - Absolute. */
export function createLedgerFile(file: string): LedgerPlace {
  const next = `${file}.next`;
  const change = (verb: string, step: () => void): void => {
    try {
      step();
      syncDirectory(path.dirname(file));
    } catch (error) {
      throw cannot(verb, next, "ledger", error);
    }
  };
  return {
    read(slot) {
      const one = slot === "next" ? next : file;
      return existsSync(one) ? readBytes(one, "ledger", MAX_LEDGER_BYTES) : null;
    },
    stage(ledger) {
      change("clear", () => dropLeftovers(next));
      replace(next, "ledger", ledger, 0o644);
    },
    commit: () => change("put in place", () => renameSync(next, file)),
    erase: () =>
      change("remove", () => {
        dropLeftovers(next);
        rmSync(next, { force: true });
      }),
  };
}

function syncDirectory(directory: string): void {
  const fd = openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
