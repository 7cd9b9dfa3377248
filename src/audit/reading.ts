/** Reading: the log by page, newest first, from a number on as it grows, and checked from end to end. */
import { fromUtf8 } from "../base/bytes.ts";
import { isKeywardError, KeywardError } from "../base/errors.ts";
import type { Event } from "../model/event.ts";
import type { Store, StoreRecord, Watch } from "../store/store.ts";
import { type ChainCheck, type ChainReport, createChainCheck } from "./chain.ts";
import type { Checkpoint, Signer } from "./checkpoint.ts";
import { EVENTS, eventKey, parseEvent } from "./event-line.ts";
import { HEAD_KEY, readHead } from "./head.ts";
import { readSigned } from "./signing.ts";

/** Records read at once. */
const PAGE = 1000;

export interface EventQuery {
  /** Only events after this number. */
  readonly after: number;
  readonly limit: number;
  /** Done to exactly this, or with it as a detail: a key that was delivered to a node, say. */
  readonly resource?: string;
  /** `operator:alice`, or only `alice`. */
  readonly by?: string;
}

export interface Reading {
  /** Oldest first. A filtered list reads on until it is full or the log ends. */
  list(query: EventQuery): Promise<Event[]>;
  /** The newest events, oldest first; reads no others. */
  recent(limit: number): Promise<Event[]>;
  /** Called for each event from now on, once it is durable, in order. */
  follow(listener: (event: Event) => void): () => void;
  /** Every event after that number, those that are there and those that come, in order and without gaps. */
  tail(after: number, listener: (event: Event) => void): () => void;
  /** The lines of the events after that number: an export, but for the checkpoint at its end. */
  lines(after?: number): AsyncGenerator<string>;
  /** Check every event, the head, the signed head and a checkpoint that was kept elsewhere. */
  verify(options?: { checkpoint?: Checkpoint }): Promise<ChainReport>;
  close(): void;
}

export function createReading({ store, signer }: { store: Store; signer: Signer }): Reading {
  const followers = new Set<() => void>();

  async function page(after: number, limit: number): Promise<StoreRecord[]> {
    return store.range({ prefix: EVENTS, after: eventKey(after), limit });
  }

  async function* pages(after: string): AsyncGenerator<StoreRecord[]> {
    for (let last = after; ; ) {
      const found = await store.range({ prefix: EVENTS, after: last, limit: PAGE });
      yield found;
      if (found.length < PAGE) return;
      last = found.at(-1)?.key ?? last;
      // a store that answers in this thread would keep everyone else waiting until the log's end
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  async function* lines(after = 0): AsyncGenerator<string> {
    for await (const records of pages(eventKey(after))) yield* records.map(textOf);
  }

  async function list(query: EventQuery): Promise<Event[]> {
    const { after, limit, resource, by } = query;
    if (resource === undefined && by === undefined) return (await page(after, limit)).map(decode);
    const found: Event[] = [];
    for await (const records of pages(eventKey(after))) {
      const mentioning = records.filter((record) => mentions(record, [resource, by]));
      found.push(...mentioning.map(decode).filter((event) => matches(event, query)));
      if (found.length >= limit) break;
    }
    return found.slice(0, limit);
  }

  function tail(after: number, listener: (event: Event) => void): () => void {
    return start(async () => after, listener);
  }

  /** Wakes when the head changes, then reads what is new: so nothing is lost, doubled or out of order. */
  function start(from: () => Promise<number>, listener: (event: Event) => void): () => void {
    let watch: Watch | null = null;
    let stopped = false;
    let at = -1;
    let pumping: Promise<void> = Promise.resolve();
    const pump = async (): Promise<void> => {
      for (let found = await page(at, PAGE); !stopped && found.length > 0; found = await page(at, PAGE)) {
        for (const event of found.map(decode)) {
          if (stopped) return;
          at = event.seq;
          listener(event);
        }
      }
    };
    const wake = (): void => {
      pumping = pumping.then(pump).catch(() => {});
    };
    const stop = (): void => {
      stopped = true;
      watch?.close();
      followers.delete(stop);
    };
    followers.add(stop);
    const begin = async (): Promise<void> => {
      const revision = await store.revision();
      at = await from();
      if (stopped) return;
      watch = store.watch(HEAD_KEY, revision, wake);
      wake();
    };
    // a store that is just being closed, a head that is damaged: there is nothing to follow
    begin().catch(stop);
    return stop;
  }

  const readFrom = { get: async (key: string) => (await store.get(key))?.value ?? null };

  return {
    list,
    lines,
    tail,
    recent: async (limit) => {
      const found = await store.range({ prefix: EVENTS, reverse: true, limit });
      return found.reverse().map(decode);
    },
    follow: (listener) => start(async () => (await readHead(readFrom)).seq, listener),
    async verify({ checkpoint } = {}) {
      const check = createChainCheck({ publicKey: signer.publicKey });
      // Read before the events: those that come in meanwhile lie after it, and are checked as well.
      await noting(check, async () => check.expectHead(await readHead(readFrom), "the head"));
      await noting(check, async () => {
        const signed = await readSigned(readFrom);
        if (signed !== null) check.expectSigned(signed, "the signed head");
      });
      if (checkpoint !== undefined) check.expectSigned(checkpoint, "the checkpoint");
      for await (const records of pages("")) {
        for (const record of records) check.event(textOrNull(record), record.key);
      }
      await noting(check, async () => {
        const { seq } = await readHead(readFrom);
        if (check.last() > seq) check.problem(seq + 1, `was put in: the head is event ${seq}`);
      });
      return check.end();
    },
    close() {
      for (const stop of followers) stop();
    },
  };
}

/** A head that cannot be read is one more problem, and no reason to stop. */
async function noting(check: ChainCheck, step: () => Promise<void>): Promise<void> {
  try {
    await step();
  } catch (error) {
    if (!isKeywardError(error)) throw error;
    check.problem(0, error.message);
  }
}

function textOf(record: StoreRecord): string {
  return fromUtf8(record.value, `record ${record.key}`);
}

/** @throws KeywardError `integrity` */
function decode(record: StoreRecord): Event {
  try {
    return parseEvent(textOf(record), `record ${record.key}`);
  } catch (cause) {
    const hint = "run: keyward audit verify";
    throw new KeywardError("integrity", `record ${record.key}: not an event as it was written`, {
      hint,
      cause,
    });
  }
}

function textOrNull(record: StoreRecord): string | null {
  try {
    return textOf(record);
  } catch {
    return null;
  }
}

/** A quick look at the bytes, so that a filtered list need not parse every event. */
function mentions(record: StoreRecord, names: readonly (string | undefined)[]): boolean {
  const bytes = Buffer.from(record.value.buffer, record.value.byteOffset, record.value.byteLength);
  return names.every((name) => name === undefined || bytes.includes(JSON.stringify(name).slice(1, -1)));
}

function matches(event: Event, { resource, by }: EventQuery): boolean {
  const named = [event.resource, ...Object.values(event.detail ?? {})];
  if (resource !== undefined && !named.includes(resource)) return false;
  return by === undefined || event.by === by || event.by.endsWith(`:${by}`);
}
