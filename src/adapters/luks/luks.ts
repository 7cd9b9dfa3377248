/**
 * LUKS: encrypted volumes, by cryptsetup(8). Keys go to its standard input: never a file, an argument or a variable.
 * cryptsetup asks nobody when its input is no terminal, so what cannot be undone is guarded here: only a blank device
 * is formatted, and a key slot goes only when another one has just been opened.
 *
 * Format: LUKS2 On-Disk Format Specification 1.1; read by anything that reads LUKS2.
 */
import { existsSync } from "node:fs";
import { isKeywardError, KeywardError } from "../../base/errors.ts";
import { Secret } from "../../base/secret.ts";
import { type RunProgram, runProgram } from "../process.ts";
import { assertKey, assertName, assertPath, assertRandom, inSlot, realPath } from "./arguments.ts";
import { contentsOf, heldBy, subsystemOf } from "./contents.ts";
import type { Luks, Status } from "./contract.ts";
import { type Answer, CHEAP, cryptsetup, refusal, unfinished } from "./cryptsetup.ts";
import { type DiskHeader, readDiskHeader } from "./disk-header.ts";
import { freeSlot, freeSlots, lastFreeSlot, readReencryption, readSlots } from "./header.ts";
import { isMapped } from "./mapped.ts";
import { assertReencrypts, readVolumeKey, reencrypt } from "./reencrypt.ts";
import { formatIntent, formatToken, readIntents, readOrphans, readStrangers, readTokens } from "./tokens.ts";

export type { Luks, OpenHow, Status } from "./contract.ts";
export type { ReencryptHow, VolumeKeyState } from "./reencrypt.ts";
export { RECOVERY, type SlotIntent, type SlotToken } from "./tokens.ts";

/** In the header from the moment that there is one: a power cut before the file system is made leaves it there. */
const UNFINISHED = "keyward-new";

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
      const words = ["open", "--type", "luks2", ...which, "--key-file=-", device, assertName(name)];
      const answer = await call(words, key);
      if (answer.status === 0) return;
      if (answer.status === 1 || answer.status === 4) await assertLuks(device);
      // Between two volume keys a key that is not its own gives 1.
      const between = answer.status === 1 && (await luks.isReencrypting(device));
      throw refusal(on(device), between ? { ...answer, status: 2 } : answer);
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

    async volumeKey(device) {
      return readVolumeKey(await metadata(device));
    },

    async assertReencrypts(device) {
      await assertReencrypts(run);
      const used = await luks.slots(device);
      // The new volume key's slot, and one that keeps how far it is.
      if (freeSlots(used, on(device)).length >= 2) return;
      throw new KeywardError(
        "conflict",
        `${on(device)}: ${used.length} key slots are in use, and two must be free`,
        { hint: "remove those that no longer serve: cryptsetup luksKillSlot" },
      );
    },

    async reencrypt(device, key, how) {
      if (!how.resume) await luks.assertReencrypts(device);
      const answer = await reencrypt(run, assertPath(device), assertKey(key), how).catch((error: unknown) => {
        // It may end before it listens to signals.
        if (how.until.aborted && isKeywardError(error, "local")) return null;
        throw error;
      });
      // Asked to end, it ends well after the piece at hand.
      const isDone = answer?.status === 0 && !(how.until.aborted && (await luks.isReencrypting(device)));
      if (isDone) return;
      if (answer === null || how.until.aborted)
        throw new KeywardError(
          "local",
          `${on(device)}: broken off; it is between two volume keys, and whole`,
          {
            hint: "say the same again, and it goes on",
          },
        );
      throw refusal(on(device), answer);
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
