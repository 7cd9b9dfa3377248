/**
 * Answers of another system, kept for a second at most: everyone who asks for the same meanwhile shares one question.
 * An answer that is not fresh may miss what has just begun, so who finds nothing in it asks `again`; those questions
 * keep a distance from each other, however many ask.
 */

export interface Cached<T> {
  /** `fresh`: the question was asked after this call. @throws What `load` throws; nothing is kept then. */
  get(key: string): Promise<{ readonly value: T; readonly fresh: boolean }>;
  /** The answer to a question that is asked from now on. @throws What `load` throws. */
  again(key: string): Promise<T>;
  /** Something changed: what is kept is not used any more. */
  clear(): void;
}

export interface CachedNeeds<T> {
  readonly load: (key: string) => Promise<T>;
  /** Milliseconds that only go forward. */
  readonly now?: () => number;
  /** How old an answer may be, counted from its question. */
  readonly keepMs?: number;
  /** Between two questions for one key. */
  readonly spacingMs?: number;
  /** Answers kept at once; beyond it the oldest go. */
  readonly most?: number;
  /** Told when an answer is used a second time. */
  readonly onReuse?: () => void;
}

interface Entry<T> {
  readonly answer: Promise<T>;
  readonly asked: number;
  /** A question that has not been asked yet, shared by all who want a later one. */
  next?: Promise<T>;
}

export function createCached<T>(needs: CachedNeeds<T>): Cached<T> {
  const { load, now = () => performance.now(), keepMs = 1000, spacingMs = 50, most = 1000 } = needs;
  const { onReuse = () => {} } = needs;
  const entries = new Map<string, Entry<T>>();

  function ask(key: string): Entry<T> {
    const entry: Entry<T> = { answer: load(key), asked: now() };
    entries.delete(key);
    if (entries.size >= most) drop();
    entries.set(key, entry);
    entry.answer.catch(() => {
      if (entries.get(key) === entry) entries.delete(key);
    });
    return entry;
  }

  function drop(): void {
    const [oldest] = entries.keys();
    if (oldest !== undefined) entries.delete(oldest);
  }

  async function later(key: string, entry: Entry<T>): Promise<T> {
    await entry.answer.catch(() => {});
    const wait = entry.asked + spacingMs - now();
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
    return await ask(key).answer;
  }

  return {
    async get(key) {
      const kept = entries.get(key);
      if (kept === undefined || now() - kept.asked >= keepMs)
        return { value: await ask(key).answer, fresh: true };
      onReuse();
      return { value: await kept.answer, fresh: false };
    },
    async again(key) {
      const kept = entries.get(key);
      if (kept === undefined) return await ask(key).answer;
      kept.next ??= later(key, kept);
      return await kept.next;
    },
    clear: () => entries.clear(),
  };
}
