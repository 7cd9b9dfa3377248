/** Changes: what a watcher has missed, page by page, from the records' revisions and the tombstones. */

import { boundsOf } from "../key.ts";
import type { Revision } from "../store.ts";
import type { ChangePage } from "../watchers.ts";
import { toRecord, toTombstone } from "./row.ts";
import { type Statements, upperBound } from "./schema.ts";

/** Records, and tombstones, in a page: about, since a revision is not split. */
const PAGE_SIZE = 500;

/** @throws KeywardError `integrity` naming the key. */
export function pageOfChanges(
  statements: Statements,
  place: string,
  { prefix, after, newest }: { prefix: string; after: Revision; newest: Revision },
): ChangePage {
  const reached = endOfPage(statements, after, newest);
  const { from, to } = boundsOf({ prefix });
  const within = [after, reached, from, upperBound(to)] as const;
  const puts = statements.changed.all(...within).map((row) => {
    const { record } = toRecord(row, place);
    return { revision: record.modified, change: { kind: "put", record } as const };
  });
  const deletes = statements.deleted.all(...within).map((row) => {
    const { key, revision } = toTombstone(row, place);
    return { revision, change: { kind: "delete", key } as const };
  });
  return { changes: [...puts, ...deletes].sort((a, b) => a.revision - b.revision), reached };
}

/** The last revision of a page that begins after `after`. */
function endOfPage(statements: Statements, after: Revision, newest: Revision): Revision {
  const ends = [statements.pageOfRecords, statements.pageOfTombstones].map((statement) =>
    Number(statement.get(after, PAGE_SIZE - 1)?.revision ?? newest),
  );
  return Math.min(newest, ...ends) as Revision;
}
