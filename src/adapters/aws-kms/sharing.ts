/**
 * Sharing: whoever asks the same while the question is under way, or shortly after, gets a copy of the one answer.
 * What was opened is held no longer than that, and wiped.
 */
import { toHex } from "../../base/bytes.ts";
import { Secret } from "../../base/secret.ts";
import { sha256 } from "../../crypto/hash.ts";
import type { KmsOpened } from "../../model/kms.ts";

export interface Sharing {
  /** @param question - All that the answer depends on. */
  ask(question: Uint8Array, answer: () => Promise<KmsOpened>): Promise<KmsOpened>;
  close(): void;
}

/** Answers that are held at a time; the oldest goes first. */
const MAX_HELD = 1024;

interface Held {
  readonly answer: Promise<KmsOpened>;
  /** Who waits for a copy: while there is one, the answer is not wiped. */
  readers: number;
  gone: boolean;
}

export function createSharing(keepMs: number): Sharing {
  const held = new Map<string, Held>();

  function hold(name: string, answer: Promise<KmsOpened>): Held {
    for (const oldest of held.keys()) {
      if (held.size < MAX_HELD) break;
      drop(oldest);
    }
    const one: Held = { answer, readers: 0, gone: false };
    held.set(name, one);
    const end = (): void => drop(name, one);
    answer.then(() => {
      if (keepMs === 0) end();
      else setTimeout(end, keepMs).unref();
    }, end);
    return one;
  }

  function drop(name: string, one = held.get(name)): void {
    if (one === undefined) return;
    if (held.get(name) === one) held.delete(name);
    one.gone = true;
    wipeUnread(one);
  }

  return {
    async ask(question, answer) {
      const name = toHex(sha256(question));
      const one = held.get(name) ?? hold(name, answer());
      one.readers++;
      try {
        const { plain, keyArn } = await one.answer;
        return { plain: Secret.copy(plain.reveal()), keyArn };
      } finally {
        one.readers--;
        wipeUnread(one);
      }
    },
    close() {
      for (const name of [...held.keys()]) drop(name);
    },
  };
}

function wipeUnread(one: Held): void {
  if (!one.gone || one.readers > 0) return;
  one.answer.then(
    ({ plain }) => plain.wipe(),
    () => {},
  );
}
