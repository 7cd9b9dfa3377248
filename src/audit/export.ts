/**
 * An exported log: the events as JSON lines, then one line with the checkpoint that signs the last of them.
 * It is checked without the server.
 *
 * Spec: docs/formats/audit.md.
 */

import { isKeywardError } from "../base/errors.ts";
import { canonicalJson, parseJson } from "../base/json.ts";
import { type ChainReport, createChainCheck } from "./chain.ts";
import { type Checkpoint, isCheckpoint } from "./checkpoint.ts";

export interface ExportOptions {
  /** The server's key, kept from elsewhere. Without it a forger may have signed with a key of his own. */
  readonly publicKey?: Uint8Array | null;
  /** The file starts after this checkpoint, which is trusted; otherwise it must start at event 1. */
  readonly from?: Checkpoint;
}

export interface ExportReport extends ChainReport {
  /** The statement at the end; `null` when there is none. */
  readonly checkpoint: Checkpoint | null;
}

/** The last line of an export. */
export function formatCheckpoint(checkpoint: Checkpoint): string {
  return canonicalJson({ checkpoint });
}

/**
 * Check an exported file from its first line to its last.
 *
 * @param lines - Without their line ends; an empty last one is left out by the caller.
 */
export async function verifyExport(
  lines: AsyncIterable<string> | Iterable<string>,
  { publicKey = null, from }: ExportOptions = {},
): Promise<ExportReport> {
  const check = createChainCheck({ publicKey, ...(from && { from }) });
  if (from !== undefined) check.expectSigned(from, "the checkpoint before the file");
  let before: string | null = null;
  for await (const line of lines) {
    if (before !== null) check.event(before);
    before = line;
  }
  const checkpoint = before === null ? null : parseCheckpoint(before);
  if (checkpoint !== null) conclude(checkpoint);
  else {
    if (before !== null) check.event(before);
    check.problem(
      check.last() + 1,
      "the checkpoint at the end is missing or damaged: the file may be cut off",
    );
  }
  return { ...check.end(), checkpoint };

  function conclude(end: Checkpoint): void {
    check.expectSigned(end, "the checkpoint at the end");
    if (check.last() > end.seq) check.problem(end.seq + 1, "lies after what the checkpoint signs");
  }
}

function parseCheckpoint(line: string): Checkpoint | null {
  try {
    const { checkpoint } = parseJson(line, "line") as { checkpoint?: unknown };
    return isCheckpoint(checkpoint) && formatCheckpoint(checkpoint) === line ? checkpoint : null;
  } catch (error) {
    if (isKeywardError(error) || error instanceof TypeError) return null;
    throw error;
  }
}
