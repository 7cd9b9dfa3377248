/** Writer: one commit as one SQLite transaction, synced to the disk when it answers. */
import type { DatabaseSync } from "node:sqlite";
import type { Revision, StoreRecord, Write } from "../store.ts";
import type { Change } from "../watchers.ts";
import { type CheckedRecord, crcOfRecord, crcOfState, crcOfTombstone, type State } from "./row.ts";
import type { Statements } from "./schema.ts";

/** A write that changes something, and the record that it replaces. */
export type Step = Write & { readonly before: CheckedRecord | null };

export interface Written {
  readonly state: State;
  readonly changes: readonly Change[];
  /** What was put. */
  readonly records: readonly CheckedRecord[];
}

export interface WriterParts {
  readonly database: DatabaseSync;
  readonly statements: Statements;
  readonly keepTombstones: number;
}

/** @throws Whatever SQLite throws; then nothing was written. */
export function write(parts: WriterParts, before: State, steps: readonly Step[]): Written {
  const { database, statements } = parts;
  statements.begin.run();
  try {
    const written = writeSteps(parts, before, steps);
    saveState(statements, written.state);
    statements.commit.run();
    return written;
  } catch (error) {
    rollBack(database);
    throw error;
  }
}

function writeSteps(parts: WriterParts, before: State, steps: readonly Step[]): Written {
  const revision = (before.revision + 1) as Revision;
  const changes: Change[] = [];
  const records: CheckedRecord[] = [];
  let state: State = { ...before, revision };
  for (const step of steps) {
    if (step.kind === "put") {
      const checked = put(parts.statements, step, revision);
      records.push(checked);
      changes.push({ kind: "put", record: checked.record });
      state = counted(state, step.before, checked);
    } else {
      bury(parts.statements, step.key, revision);
      changes.push({ kind: "delete", key: step.key });
      state = { ...counted(state, step.before, null), tombstones: state.tombstones + 1 };
    }
  }
  return { state: compact(parts, state), changes, records };
}

function put(statements: Statements, step: Step & { kind: "put" }, revision: Revision): CheckedRecord {
  const record: StoreRecord = {
    key: step.key,
    value: new Uint8Array(step.value),
    created: step.before?.record.created ?? revision,
    modified: revision,
  };
  const crc = crcOfRecord(record);
  const statement = step.before === null ? statements.insert : statements.update;
  statement.run(record.value, record.created, record.modified, crc, record.key);
  return { record, crc };
}

function bury(statements: Statements, key: string, revision: Revision): void {
  statements.delete.run(key);
  statements.bury.run(revision, key, crcOfTombstone({ key, revision }));
}

function counted(state: State, before: CheckedRecord | null, after: CheckedRecord | null): State {
  return {
    ...state,
    records: state.records + (after === null ? 0 : 1) - (before === null ? 0 : 1),
    sum: (state.sum + (after?.crc ?? 0) - (before?.crc ?? 0)) >>> 0,
  };
}

/** Forget old deletions, an eighth of what is kept at a time, so that few commits pay for it. */
function compact({ statements, keepTombstones }: WriterParts, state: State): State {
  if (state.tombstones <= keepTombstones + Math.floor(keepTombstones / 8)) return state;
  const oldestKept = Number(statements.oldestKept.get(keepTombstones - 1)?.revision);
  const compacted = statements.newestBefore.get(oldestKept)?.revision;
  if (typeof compacted !== "number") return state;
  const forgotten = Number(statements.forget.run(oldestKept).changes);
  return { ...state, compacted: compacted as Revision, tombstones: state.tombstones - forgotten };
}

function saveState(statements: Statements, state: State): void {
  const { revision, compacted, records, sum, tombstones } = state;
  statements.setState.run(revision, compacted, records, sum, tombstones, crcOfState(state));
}

/** SQLite has often rolled back by itself when a disk failed; asking again is an error then, and harmless. */
function rollBack(database: DatabaseSync): void {
  try {
    database.exec("ROLLBACK");
  } catch {}
}
