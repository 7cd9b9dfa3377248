/** Rows: how a record lies in the database, with its checksum. Every row that is read comes through here. */
import type { SQLOutputValue } from "node:sqlite";
import { crc32 } from "node:zlib";
import { printable } from "../../model/name.ts";
import { MAX_KEY_SIZE } from "../key.ts";
import type { Revision, StoreRecord } from "../store.ts";
import { damage } from "./faults.ts";

export type Row = Record<string, SQLOutputValue>;

export interface CheckedRecord {
  readonly record: StoreRecord;
  readonly crc: number;
}

export interface Tombstone {
  readonly key: string;
  readonly revision: Revision;
}

/** One row of the table `state`. */
export interface State {
  readonly revision: Revision;
  readonly compacted: Revision;
  /** Rows in `records`. */
  readonly records: number;
  /** The checksums of all records, added up modulo 2^32: so that a record cannot vanish unnoticed. */
  readonly sum: number;
  /** Rows in `tombstones`. */
  readonly tombstones: number;
}

const scratch = Buffer.alloc(16 + MAX_KEY_SIZE);

/** CRC-32 of two 8-byte big-endian numbers and the key. */
function crcOfHead(first: number, second: number, key: string): number {
  writeUInt64(first, 0);
  writeUInt64(second, 8);
  return crc32(scratch.subarray(0, 16 + scratch.write(key, 16)));
}

/** Cheaper than a BigInt. */
function writeUInt64(value: number, offset: number): void {
  scratch.writeUInt32BE(Math.floor(value / 0x1_0000_0000), offset);
  scratch.writeUInt32BE(value % 0x1_0000_0000, offset + 4);
}

/**
 * CRC-32 of created, modified, key and value. No length parts key and value: the database keeps them apart,
 * and a changed boundary changes the key or the row's position.
 */
export function crcOfRecord({ key, value, created, modified }: StoreRecord): number {
  return crc32(value, crcOfHead(created, modified, key));
}

export function crcOfTombstone({ key, revision }: Tombstone): number {
  return crcOfHead(revision, 0, key);
}

export function crcOfState({ revision, compacted, records, sum, tombstones }: State): number {
  return crcOfHead(revision, compacted, `${records} ${sum} ${tombstones}`);
}

/** @throws KeywardError `integrity` naming the key. */
export function toRecord(row: Row, place: string): CheckedRecord {
  const { key, value, created, modified, crc } = row;
  if (typeof key === "string" && value instanceof Uint8Array && isRevision(created) && isRevision(modified)) {
    const record = { key, value, created, modified };
    if (isKeySize(key) && crc === crcOfRecord(record)) return { record, crc };
  }
  throw damage(place, `record ${nameOf(key)} does not match its checksum`);
}

/** @throws KeywardError `integrity` naming the key. */
export function toTombstone({ key, revision, crc }: Row, place: string): Tombstone {
  if (typeof key === "string" && isKeySize(key) && isRevision(revision)) {
    const tombstone = { key, revision };
    if (crc === crcOfTombstone(tombstone)) return tombstone;
  }
  throw damage(place, `the deletion of ${nameOf(key)} does not match its checksum`);
}

/** @throws KeywardError `integrity` */
export function toState(row: Row | undefined, place: string): State {
  const { revision, compacted, records, sum, tombstones, crc } = row ?? {};
  if (
    isRevision(revision) &&
    isRevision(compacted) &&
    isCount(records) &&
    isCount(sum) &&
    isCount(tombstones)
  ) {
    const state = { revision, compacted, records, sum, tombstones };
    if (crc === crcOfState(state)) return state;
  }
  throw damage(place, "the table state does not match its checksum");
}

function isCount(value: SQLOutputValue | undefined): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

function isRevision(value: SQLOutputValue | undefined): value is Revision {
  return isCount(value);
}

/** What a damaged row holds may be longer than any key of ours. */
function isKeySize(key: string): boolean {
  return Buffer.byteLength(key) <= MAX_KEY_SIZE;
}

function nameOf(key: SQLOutputValue | undefined): string {
  return typeof key === "string" ? printable(key) : "with a damaged key";
}
