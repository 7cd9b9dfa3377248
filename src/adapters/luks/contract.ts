/** What LUKS volumes offer, and `luks.ts` keeps. */
import type { Secret } from "../../base/secret.ts";
import type { Contents } from "./contents.ts";
import type { Slot } from "./header.ts";
import type { ReencryptHow, VolumeKeyState } from "./reencrypt.ts";
import type { SlotIntent, SlotToken } from "./tokens.ts";

/** Devices are absolute paths, names those of device-mapper. All throw `local` where cryptsetup is missing or fails. */
export interface Luks {
  /** Two names of one device? */
  isSame(device: string, other: string): boolean;
  /** @throws KeywardError `not-found` */
  contents(device: string): Promise<Contents>;
  /**
   * A new LUKS2 volume, whose first slot takes `key`. It says of itself that it is unfinished.
   *
   * @param key - 32 random bytes or more: the slot is cheap to try.
   * @throws KeywardError `conflict` when the device is not blank; `usage` for a shorter key.
   */
  format(device: string, key: Secret): Promise<void>;
  /** Was it made by `format`, and has `finish` not been called? Then nothing was put into it. @throws as `uuid` */
  isUnfinished(device: string): Promise<boolean>;
  /** @throws as `uuid` */
  finish(device: string): Promise<void>;
  /** Does a header lie there that is whole, in both its copies? `false`: look at its contents. It starts no program. */
  isVolume(device: string): Promise<boolean>;
  /** @throws KeywardError `not-found`; `integrity` when there is no LUKS header, or none that is whole. */
  uuid(device: string): Promise<string>;
  /** @throws KeywardError as `uuid` */
  slots(device: string): Promise<Slot[]>;
  /** On the way to another volume key, or left there: it opens, and takes no change. @throws KeywardError as `uuid` */
  isReencrypting(device: string): Promise<boolean>;
  /** @returns Which slot this key opens, `slot` or any; `null` when none. @throws KeywardError as `uuid` */
  fits(device: string, key: Secret, slot?: number): Promise<number | null>;
  /**
   * As `/dev/mapper/NAME`. An open volume stays as it is.
   *
   * @throws KeywardError `wrong-key`; `busy` when the device is open by another name; `conflict` when the name is
   *   another device's; and as `uuid`.
   */
  open(device: string, name: string, key: Secret, how?: OpenHow): Promise<void>;
  /** Nothing to do when it is closed. @throws KeywardError `busy` while something uses it. */
  close(name: string): Promise<void>;
  /** Is there a device of this name? A look that takes no program. */
  isThere(name: string): boolean;
  /** @returns `null` when it is closed. */
  status(name: string): Promise<Status | null>;
  /**
   * Let `added` open the volume too. Nothing to do when it does already.
   *
   * @param into - The slot that it gets; the first free one unless given.
   * @returns Its slot.
   * @throws KeywardError `wrong-key` when `key` does not open it; `conflict` when all slots are in use.
   */
  addKey(device: string, key: Secret, added: Secret, into?: number): Promise<number>;
  /**
   * Nothing to do when the slot is empty.
   *
   * @param other - A key that opens another slot: proven first.
   * @throws KeywardError `conflict` when it opens none, or this one.
   */
  killSlot(device: string, slot: number, other: Secret): Promise<void>;
  /** Which slots are whose, as far as the header says. @throws KeywardError as `uuid` */
  tokens(device: string): Promise<SlotToken[]>;
  /** Types of tokens that open it otherwise, as `systemd-tpm2`. @throws KeywardError as `uuid` */
  strangers(device: string): Promise<string[]>;
  /** Say whose a slot is, unless it is said, or a reencryption is not finished. @throws KeywardError as `uuid` */
  mark(device: string, token: Omit<SlotToken, "id">): Promise<void>;
  /** Nothing to do when there is none. */
  unmark(device: string, id: number): Promise<void>;
  /** Slots that a recovery key was to get, and may have. @throws KeywardError as `uuid` */
  intents(device: string): Promise<SlotIntent[]>;
  /**
   * Say that a recovery key is about to get a slot: the last free one, since people and programs take the first.
   *
   * @throws KeywardError `conflict` when all slots are in use; and as `uuid`.
   */
  intend(device: string, intent: Pick<SlotIntent, "generation" | "key">): Promise<SlotIntent>;
  /** It is done, or given up. Nothing to do when there is none. */
  settle(device: string, intent: SlotIntent): Promise<void>;
  /** All slots go, and nothing opens it any more. */
  erase(device: string): Promise<void>;
  /** Into a new file: 16 MiB, mode 0400. @throws KeywardError `conflict` when there is a file. */
  backUp(device: string, file: string): Promise<void>;
  /** The slots are then those of the backup, and so are the keys. @throws KeywardError `malformed` */
  restore(device: string, file: string): Promise<void>;
  /** Which volume key the data is under, as far as the header says. @throws KeywardError as `uuid` */
  volumeKey(device: string): Promise<VolumeKeyState>;
  /**
   * To another volume key, also while it is open and mounted. All slots go but one that `key` opens. Cut off at any
   * point, it opens with that key, and the next call with `resume` goes on.
   *
   * @throws KeywardError `conflict` when there is no room for it; `local` when this cryptsetup cannot, or `until` came.
   */
  reencrypt(device: string, key: Secret, how: ReencryptHow): Promise<void>;
  /** Would `reencrypt` begin? @throws KeywardError as `reencrypt` */
  assertReencrypts(device: string): Promise<void>;
  /** Readers hang until `resume`; the key leaves the kernel. @throws KeywardError `not-found` */
  suspend(name: string): Promise<void>;
  /** @throws KeywardError `not-found`, `wrong-key` */
  resume(name: string, key: Secret): Promise<void>;
}

export interface OpenHow {
  /** Try this one alone. */
  readonly slot?: number;
  /** It was closed just now. */
  readonly closed?: boolean;
}

export interface Status {
  /** The device beneath. */
  readonly device: string;
  readonly suspended: boolean;
}
