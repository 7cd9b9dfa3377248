/**
 * The root key: 32 random bytes that protect all others, in memory only while unsealed. The rooms above get
 * at it through this contract and never see it.
 */
import { fields } from "../base/bytes.ts";
import { KeywardError } from "../base/errors.ts";
import { Secret } from "../base/secret.ts";
import type { Clock } from "../base/time.ts";
import type { Random } from "../crypto/random.ts";
import { defaultCost, type ScryptCost } from "../crypto/scrypt.ts";
import { printable } from "../model/name.ts";
import type { Transact, Transaction } from "../store/store.ts";
import { createPurposeKeys, type PurposeKeys } from "./purpose-keys.ts";
import { infoOf, makeSeal, type SealInfo, type SealInput, type SealRow, seals } from "./seal.ts";
import { addRow, openAny, removeRow, writeFirst } from "./seals.ts";
import { unwrap, wrap } from "./wrap.ts";

export type SealState = "uninitialised" | "sealed" | "unsealed";

export interface RootKey {
  readonly state: SealState;

  /**
   * Wrap a secret (`wrap.ts`) for one purpose and place: a box of `formats/sealed` under a key derived for the
   * purpose, with fields("keyward/v1", purpose, ...place) as associated data. 8,160 bytes at most.
   *
   * @throws KeywardError `sealed`, `uninitialised`
   */
  seal(purpose: string, place: readonly string[], secret: Secret): Uint8Array;

  /** @throws KeywardError `sealed`, `uninitialised`; `integrity` when the box was changed, or made for another place. */
  open(purpose: string, place: readonly string[], box: Uint8Array): Secret;

  /** 32 bytes by HKDF-SHA-256 (RFC 5869) from the root key and the purpose. The caller wipes them in `onSeal`. */
  derive(purpose: string): Secret;

  /** Called when the root key is about to be forgotten: wipe what was opened or derived. */
  onSeal(wipe: () => void): void;
}

/** The root key with what starts and ends its life: for the server and the local command line. */
export interface RootKeeper extends RootKey {
  /** Look into the store whether there is a root key. To be called once before anything else. */
  load(): Promise<SealState>;

  /**
   * Make the root key, and a seal of each input. Unsealed afterwards.
   *
   * @throws KeywardError `conflict` when there is one; `integrity` when there are keys but no seal is left;
   *   `usage` when an input is too easy to guess.
   */
  initialise(inputs: readonly SealInput[]): Promise<SealInfo[]>;

  /**
   * @returns The seal that opened.
   * @throws KeywardError `wrong-key` when none opens with this; `integrity` when it should and does not;
   *   `uninitialised`.
   */
  unseal(input: SealInput): Promise<SealInfo>;

  /** The `seal` command: everything that was opened or derived is wiped, then the root key. */
  lock(): void;

  /**
   * All the slow work of a new seal, before the act that writes it.
   *
   * @throws KeywardError `usage` when the input is too easy to guess; `sealed`, `uninitialised`
   */
  prepareSeal(input: SealInput): Promise<SealRow>;

  /** Inside the caller's act. @throws KeywardError `conflict` when there are 16, or the root key was changed. */
  addSeal(tx: Transaction, prepared: SealRow): Promise<SealInfo>;

  /** Inside the caller's act. @throws KeywardError `not-found`; `conflict` for the last one. */
  removeSeal(tx: Transaction, id: string): Promise<void>;

  listSeals(tx: Transaction): Promise<SealInfo[]>;
}

export interface RootKeyNeeds {
  readonly transact: Transact;
  readonly clock: Clock;
  readonly random: Random;
  /** Of new passphrase seals. */
  readonly cost?: ScryptCost;
}

const ROOT_KEY_SIZE = 32;

export function createRootKey(needs: RootKeyNeeds): RootKeeper {
  const { transact, clock, random, cost = defaultCost } = needs;
  const wipers: (() => void)[] = [];
  let initialised = false;
  let keys: PurposeKeys | null = null;

  function unsealed(): PurposeKeys {
    if (keys !== null) return keys;
    throw initialised ? sealed() : uninitialised();
  }

  /** @param root - Taken over. */
  function hold(root: Secret): void {
    initialised = true;
    if (keys === null) keys = createPurposeKeys(root);
    else root.wipe();
  }

  const stateNow = (): SealState => (keys !== null ? "unsealed" : initialised ? "sealed" : "uninitialised");
  const make = (root: Secret, input: SealInput): Promise<SealRow> =>
    makeSeal(root, input, { random, created: clock(), cost });

  return {
    get state() {
      return stateNow();
    },
    seal: (purpose, place, secret) =>
      wrap(unsealed().wrapping(purpose), associated(purpose, place), secret, random),
    open: (purpose, place, box) =>
      unwrap(unsealed().wrapping(purpose), associated(purpose, place), box, nameOf(purpose, place)),
    derive: (purpose) => unsealed().derive(purpose),
    onSeal(wipe) {
      wipers.push(wipe);
    },

    async load() {
      const [any] = await transact((tx) => seals.list(tx, { limit: 1 }));
      initialised = any !== undefined;
      return stateNow();
    },
    async initialise(inputs) {
      if (inputs.length === 0) throw new KeywardError("usage", "no seal: want a key file or a passphrase");
      using root = Secret.take(random(ROOT_KEY_SIZE));
      const rows: SealRow[] = [];
      for (const input of inputs) rows.push(await make(root, input));
      await transact((tx) => writeFirst(tx, rows));
      hold(Secret.copy(root.reveal()));
      return rows.map(infoOf);
    },
    async unseal(input) {
      const rows = await transact((tx) => seals.list(tx));
      if (rows.length === 0) throw uninitialised();
      const { root, info } = await openAny(rows, input);
      hold(root);
      return info;
    },
    lock() {
      try {
        runAll(wipers);
      } finally {
        keys?.wipe();
        keys = null;
      }
    },

    async prepareSeal(input) {
      // A copy of its own: it may be locked while a passphrase is stretched.
      using root = unsealed().copyRoot();
      return await make(root, input);
    },
    addSeal: addRow,
    removeSeal: removeRow,
    listSeals: async (tx) => (await seals.list(tx)).map(infoOf),
  };
}

function associated(purpose: string, place: readonly string[]): Uint8Array {
  return fields("keyward/v1", purpose, ...place);
}

function nameOf(purpose: string, place: readonly string[]): string {
  return [purpose, ...place.map(printable)].join(" ");
}

/** Each of them, also when one throws; then throws what the first threw. */
function runAll(all: readonly (() => void)[]): void {
  const [first, ...rest] = all;
  if (first === undefined) return;
  try {
    first();
  } finally {
    runAll(rest);
  }
}

function sealed(): KeywardError {
  return new KeywardError("sealed", "the server is sealed", { hint: "run: keyward unseal" });
}

function uninitialised(): KeywardError {
  return new KeywardError("uninitialised", "there is no root key yet", { hint: "run: keyward init" });
}
