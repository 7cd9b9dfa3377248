/**
 * Seed place: where a machine keeps its seed. The contract of the places; what lies there is a sealed envelope
 * (`formats/seed/`), which a place neither opens nor understands.
 *
 * A place has two slots. `current` is the machine's seed. `next` holds another one while the seed is rotated:
 * staged, then made current, then erased.
 */
import type { Scheme } from "./realm.ts";

export type SeedSlot = "current" | "next";

export interface SeedPlace {
  readonly kind: "uefi" | "file" | "systemd-creds" | "credential";
  /** In words, for a person: `the file "/etc/keyward/seed"`. */
  readonly name: string;

  /**
   * @returns The envelope's bytes; `null` when the slot is empty.
   * @throws KeywardError `local` when the place cannot be reached or read; `integrity` when what lies there cannot be
   *   an envelope.
   */
  read(slot: SeedSlot): Promise<Uint8Array | null>;

  /**
   * The first seed, into the empty place: there whole and durable when this returns, and read back.
   *
   * @throws KeywardError `conflict` when there is a seed: it is never overwritten. `local` when it cannot be written:
   *   nothing is left then.
   */
  create(envelope: Uint8Array): Promise<void>;

  /**
   * Into `next`, over one that was staged before: durable and read back. `current` stays.
   *
   * @throws KeywardError `not-found` without a current seed; `local`
   */
  stage(envelope: Uint8Array): Promise<void>;

  /**
   * What is in `next` becomes current, in one step. `next` may hold it still: `erase` it then.
   *
   * @throws KeywardError `not-found` when nothing is staged; `local`: the current seed is the old one then, and the
   *   staged one is where it was.
   */
  commit(): Promise<void>;

  /** Empty `next`. Nothing to do when it is empty. @throws KeywardError `local` */
  erase(): Promise<void>;

  /** @throws KeywardError `local` */
  inspect(): Promise<SeedPlaceState>;

  /**
   * Set right what a reboot or somebody made wrong: to be called at every boot, early.
   *
   * @returns What was wrong, in words.
   * @throws KeywardError `local` when it cannot be set right.
   */
  protect(): Promise<readonly string[]>;
}

export interface SeedPlaceState {
  /** Permission bits; absent where the place has none. */
  readonly mode?: number;
  /** What is not as it should be, in words. */
  readonly warnings: readonly string[];
}

/** What a sealed seed says of itself to anyone. */
export interface SeedFacts {
  readonly scheme: Scheme;
  /** Names the seed without telling it: 16 hexadecimal digits. */
  readonly id: string;
  /** Counts the machine's seeds, from 1. */
  readonly generation: number;
  readonly opener: SeedOpener;
}

/** What opens an envelope. */
export type SeedOpener =
  /** scrypt (RFC 7914) with these parameters. */
  | { readonly kind: "passphrase"; readonly N: number; readonly r: number; readonly p: number }
  | { readonly kind: "key-file" }
  /** This machine itself, at boot and without anybody: see `adapters/smbios/`. */
  | { readonly kind: "machine" };
