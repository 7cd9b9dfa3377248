/**
 * LUKS: encrypted volumes, by cryptsetup(8). Keys go to its standard input: never a file, an argument or a variable.
 * cryptsetup asks nobody when its input is no terminal, so what cannot be undone is guarded here: only a blank device
 * is formatted, and a key slot goes only when another one has just been opened.
 *
 * Format: LUKS2 On-Disk Format Specification 1.1; read by anything that reads LUKS2.
 */
import { existsSync } from "node:fs";
import { KeywardError } from "../../base/errors.ts";
import { Secret } from "../../base/secret.ts";
import { type RunProgram, runProgram } from "../process.ts";
import { assertKey, assertName, assertPath, assertRandom, inSlot, realPath } from "./arguments.ts";
import { type Contents, contentsOf, heldBy, subsystemOf } from "./contents.ts";
import { type Answer, cryptsetup, refusal, unfinished } from "./cryptsetup.ts";
import { type DiskHeader, readDiskHeader } from "./disk-header.ts";
import { freeSlot, lastFreeSlot, readReencryption, readSlots, type Slot } from "./header.ts";
import { isMapped } from "./mapped.ts";
import {
  formatIntent,
  formatToken,
  readIntents,
  readOrphans,
  readStrangers,
  readTokens,
  type SlotIntent,
  type SlotToken,
} from "./tokens.ts";

export { RECOVERY, type SlotIntent, type SlotToken } from "./tokens.ts";

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

/** In the header from the moment that there is one: a power cut before the file system is made leaves it there. */
const UNFINISHED = "keyward-new";
/** Suits a random key: what is tried is the key, not a passphrase. The same that clevis takes. */
const CHEAP = ["--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000"];

export function createLuks(run: RunProgram = runProgram): Luks {
  const call = (words: readonly string[], ...keys: Secret[]): Promise<Answer> => cryptsetup(run, words, keys);

  /** Without a program; `null` when cryptsetup has to look at it, and to say what is wrong. */
  const read = (device: string): Promise<DiskHeader | null> => readDiskHeader(assertPath(device));

  /** @throws KeywardError `integrity` */
  async function assertLuks(device: string): Promise<void> {
    if ((await read(device)) !== null) return;
    const { status, said } = await call(["isLuks", "--type", "luks2", device]);
    if (status === 0) return;
    if (status === 4) throw refusal(on(device), { status, said, stdout: "" });
    throw new KeywardError("integrity", `${on(device)}: has no LUKS2 header that is whole`, {
      hint: "it is another device, or its header is damaged: restore the header from its backup",
    });
  }

  async function must(device: string, words: readonly string[], ...keys: Secret[]): Promise<Answer> {
    const answer = await call(words, ...keys);
    if (answer.status === 0) return answer;
    if (answer.status === 1 || answer.status === 4) await assertLuks(device);
    throw await refused(device, answer);
  }

  async function refused(device: string, answer: Answer): Promise<KeywardError> {
    const header = answer.status === 1 ? await read(device) : null;
    if (header !== null && readReencryption(header.metadata)) return unfinished(on(device));
    return refusal(on(device), answer);
  }

  async function metadata(device: string): Promise<string> {
    const header = await read(device);
    if (header !== null) return header.metadata;
    await assertLuks(device);
    return (await must(device, ["luksDump", "--dump-json-metadata", device])).stdout;
  }

  async function removeToken(device: string, id: number): Promise<void> {
    await must(device, ["token", "remove", `--token-id=${id}`, device]);
  }

  const luks: Luks = {
    isSame: (device, other) => realPath(device) === realPath(other),
    contents: (device) => contentsOf(assertPath(device), run),

    async format(device, key) {
      assertRandom(key);
      const found = await luks.contents(device);
      if (found.kind !== "blank")
        throw new KeywardError("conflict", `${on(device)}: is not blank: it holds ${heldBy(found)}`, {
          hint: "is it the right device? to give it up, erase it by hand: wipefs --all, and zeros over its first MiB",
        });
      const words = ["luksFormat", "--type", "luks2", ...CHEAP, `--subsystem=${UNFINISHED}`];
      await must(device, [...words, "--key-file=-", device], key);
    },

    async isUnfinished(device) {
      const header = await read(device);
      if (header !== null) return header.subsystem === UNFINISHED;
      await assertLuks(device);
      return (await subsystemOf(device, run)) === UNFINISHED;
    },

    async finish(device) {
      if (await luks.isUnfinished(device)) await must(device, ["config", "--subsystem", "", device]);
    },

    isVolume: async (device) => (await read(device)) !== null,

    async uuid(device) {
      const header = await read(device);
      return header?.uuid ?? (await must(device, ["luksUUID", device])).stdout.trim();
    },

    async slots(device) {
      return readSlots(await metadata(device));
    },

    async isReencrypting(device) {
      return readReencryption(await metadata(device));
    },

    async fits(device, key, slot) {
      const text = await metadata(device);
      const candidates = slot === undefined ? readSlots(text).map(({ number }) => number) : [slot];
      // Two volume keys, and it takes what opens both: no slot can be tried alone.
      if (readReencryption(text))
        return (await tries(device, key)).status === 0 ? (candidates[0] ?? null) : null;
      // All slots in one call first: a wrong key costs each slot's derivation once.
      if (candidates.length > 1 && !(await opens(device, key))) return null;
      for (const one of candidates) if (await opens(device, key, one)) return one;
      return null;
    },

    async open(device, name, key, { slot, closed = false } = {}) {
      assertKey(key);
      assertPath(device);
      const before = closed ? null : await luks.status(name);
      if (before !== null) return assertSame(before, device, name);
      // As above: the slots of both volume keys.
      const one = slot !== undefined && !(await luks.isReencrypting(device));
      const which = inSlot(one ? slot : undefined);
      await must(
        device,
        ["open", "--type", "luks2", ...which, "--key-file=-", device, assertName(name)],
        key,
      );
    },

    async close(name) {
      if ((await luks.status(name)) === null) return;
      const answer = await call(["close", name]);
      if (answer.status !== 0 && (await luks.status(name)) !== null) throw refusal(`volume ${name}`, answer);
    },

    isThere: (name) => existsSync(`/dev/mapper/${assertName(name)}`),

    async status(name) {
      if ((await isMapped(assertName(name))) === false) return null;
      const answer = await call(["status", name]);
      if (answer.status === 4) return null;
      if (answer.status !== 0) throw refusal(`volume ${name}`, answer);
      const device = /^ *device: +(\S.*)$/m.exec(answer.stdout)?.[1];
      if (device === undefined)
        throw new KeywardError("local", `volume ${name}: cryptsetup names no device beneath it`);
      return { device, suspended: /\bsuspended\b/.test(answer.stdout) };
    },

    async addKey(device, key, added, into) {
      assertRandom(added);
      const there = await luks.fits(device, added);
      if (there !== null) return there;
      const slot = into ?? freeSlot(await luks.slots(device), on(device));
      const sizes = [`--keyfile-size=${key.length}`, `--new-keyfile-size=${added.length}`];
      const words = ["luksAddKey", ...CHEAP, `--key-slot=${slot}`, "--key-file=-", ...sizes, device, "-"];
      await must(device, words, assertKey(key), added);
      return slot;
    },

    async killSlot(device, slot, other) {
      const slots = await luks.slots(device);
      if (!slots.some(({ number }) => number === slot)) return;
      const rest = slots.filter(({ number }) => number !== slot);
      let proven = false;
      for (const { number } of rest) proven ||= await opens(device, other, number);
      if (!proven)
        throw new KeywardError(
          "conflict",
          `${on(device)}: no other slot opens with the key that is to stay`,
          {
            hint: "key slot stays: first add the new key, and prove it",
          },
        );
      await must(device, ["luksKillSlot", device, String(slot)]);
    },

    async tokens(device) {
      return readTokens(await metadata(device));
    },

    strangers: async (device) => readStrangers(await metadata(device)),

    async mark(device, token) {
      const found = await metadata(device);
      const known = readTokens(found);
      const { slot, key, version } = token;
      if (known.some((one) => one.slot === slot && one.key === key && one.version === version)) return;
      if (readReencryption(found)) return;
      for (const id of readOrphans(found)) await removeToken(device, id);
      await must(device, ["token", "import", "--json-file=-", device], Secret.fromText(formatToken(token)));
      // What was said of the slot before is of a key that is gone.
      for (const { id } of known.filter((one) => one.slot === slot)) await luks.unmark(device, id);
    },

    async unmark(device, id) {
      if (!(await luks.tokens(device)).some((one) => one.id === id)) return;
      await removeToken(device, id);
    },

    async intents(device) {
      return readIntents(await metadata(device));
    },

    async intend(device, { generation, key }) {
      const slot = lastFreeSlot(await luks.slots(device), on(device));
      const text = formatIntent({ slot, generation, key });
      await must(device, ["token", "import", "--json-file=-", device], Secret.fromText(text));
      const made = (await luks.intents(device)).find((one) => one.slot === slot && one.key === key);
      if (made !== undefined) return made;
      throw new KeywardError("integrity", `${on(device)}: its header does not keep what was written to it`);
    },

    async settle(device, { id, key }) {
      if ((await luks.intents(device)).some((one) => one.id === id && one.key === key))
        await removeToken(device, id);
    },

    async erase(device) {
      await must(assertPath(device), ["erase", device]);
    },

    async backUp(device, file) {
      const answer = await call(["luksHeaderBackup", device, `--header-backup-file=${assertPath(file)}`]);
      if (answer.status === 0) return;
      await assertLuks(assertPath(device));
      throw new KeywardError("conflict", `header backup ${file}: cannot be written (${answer.said})`, {
        hint: "name a file that is not there yet",
      });
    },

    async restore(device, file) {
      const answer = await call([
        "luksHeaderRestore",
        assertPath(device),
        `--header-backup-file=${assertPath(file)}`,
      ]);
      if (answer.status === 0) return;
      if (answer.status === 4 || answer.status === 5) throw refusal(on(device), answer);
      throw new KeywardError(
        "malformed",
        `header backup ${file}: does not fit ${on(device)} (${answer.said})`,
      );
    },

    async suspend(name) {
      const answer = await call(["luksSuspend", assertName(name)]);
      if (answer.status !== 0) throw await unlessClosed(name, answer);
    },

    async resume(name, key) {
      const answer = await call(["luksResume", "--key-file=-", assertName(name)], assertKey(key));
      if (answer.status !== 0) throw await unlessClosed(name, answer);
    },
  };

  function tries(device: string, key: Secret, slot?: number): Promise<Answer> {
    const words = ["open", "--type", "luks2", "--test-passphrase", ...inSlot(slot), "--key-file=-", device];
    return call(words, assertKey(key));
  }

  async function opens(device: string, key: Secret, slot?: number): Promise<boolean> {
    const answer = await tries(device, key, slot);
    if (answer.status === 0) return true;
    if (answer.status === 2) return false;
    await assertLuks(device);
    throw await refused(device, answer);
  }

  /** `cryptsetup` gives 1 for a name that is not open. */
  async function unlessClosed(name: string, answer: Answer): Promise<KeywardError> {
    if ((await luks.status(name)) !== null) return refusal(`volume ${name}`, answer);
    return new KeywardError("not-found", `volume ${name}: is not open`);
  }

  function assertSame(status: Status, device: string, name: string): void {
    if (luks.isSame(status.device, device)) return;
    throw new KeywardError("conflict", `volume ${name}: is open already, on ${status.device}`);
  }

  return luks;
}

const on = (device: string): string => `device ${device}`;
