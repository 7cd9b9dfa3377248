/**
 * Hand-over: a volume's key to systemd, which opens the volume itself. The key goes as soon as it is known which
 * version it has to be; what follows (whose slot it is, its proof, copies) waits until it has gone, and is done all
 * the same: `settled` waits for it.
 *
 * A key that opens nothing else may go without being tried: the server gives no other version, believes that the
 * volume opens with this one, and so says the header. If that is not so, no other key would have opened it either.
 */
import { isKeywardError, KeywardError } from "../base/errors.ts";
import { Secret } from "../base/secret.ts";
import type { DurationMs } from "../base/time.ts";
import { type DiskHost, findOpener } from "../disk/disk.ts";
import type { VersionNumber } from "../model/key.ts";
import { encryptedDevice, type VolumeName } from "../model/volume.ts";
import { type HeaderCopyParts, keepHeader, type ProofParts, proofsOf } from "./after-opening.ts";
import type { AnsweredKey, VolumeAnswer } from "./ask-volume.ts";
import { keepSpare } from "./spare-answer.ts";
import type { VolumeProofs } from "./volume-proofs.ts";
import { askAllWays, type WaysParts } from "./ways.ts";

export interface HandedKey {
  /** The caller wipes it. */
  readonly key: Secret;
  readonly version: VersionNumber;
}

export interface HandOver {
  /** @throws what `askVolume` throws, and what the disk says: `wrong-key` when no version opens it. */
  keyFor(name: VolumeName, budget: DurationMs, signal: AbortSignal): Promise<HandedKey>;
  /** When all that follows is done, or kept for the next run. */
  settled(): Promise<void>;
}

export interface HandOverParts extends WaysParts, ProofParts, HeaderCopyParts {
  readonly host: Pick<DiskHost, "luks" | "lvm">;
  readonly proofs: VolumeProofs;
  /** This version opens it: it was tried. */
  readonly onOpens: (name: VolumeName, version: VersionNumber) => void;
  /** What follows does not wait for others any more. */
  readonly signal: AbortSignal;
}

/** Others may ask at the same moment, as at boot: their keys go first, and one report is enough for all. */
const GATHER_MS = 500;

/** A version, and the slot that it opens; `null` when it was not tried. */
interface Choice {
  readonly one: AnsweredKey;
  readonly slot: number | null;
}

export function createHandOver(parts: HandOverParts): HandOver {
  const { host, proofs, spares, wait, log, signal: until } = parts;
  /** What follows, of one volume after the other. */
  let tail: Promise<void> = Promise.resolve();
  let waiting = 0;

  async function choose(device: string, answer: VolumeAnswer): Promise<Choice> {
    const { key, keys, proved } = answer;
    const [first, ...others] = keys;
    if (first === undefined) throw new KeywardError("internal", "an answer without a key");
    const isKnown = others.length === 0 && first.version === proved;
    const said = isKnown ? await host.luks.tokens(device) : [];
    if (said.some((token) => token.key === key && token.version === proved))
      return { one: first, slot: null };
    const { key: one, slot } = await findOpener(host.luks, device, key, keys);
    return { one, slot };
  }

  async function keepProof(answer: VolumeAnswer, one: AnsweredKey): Promise<void> {
    if (answer.from === null) return;
    const { challenge } = answer.from;
    proofs.add(challenge, await proofsOf(parts, challenge, answer, one));
  }

  async function follow(answer: VolumeAnswer, { one, slot }: Choice): Promise<void> {
    const { key, delivery } = answer;
    const { name } = delivery;
    const device = encryptedDevice(delivery);
    const found = slot ?? (await findOpener(host.luks, device, key, [one])).slot;
    if (slot === null) await keepProof(answer, one);
    parts.onOpens(name, one.version);
    await host.luks.mark(device, { slot: found, key, version: one.version });
    keepSpare(spares, name, answer, one);
    await keepHeader(parts, answer, one, { anew: false });
  }

  function later(answer: VolumeAnswer, choice: Choice): void {
    waiting++;
    // Kept at once, as soon as the key has gone: what is new to the server must not be lost.
    const kept = choice.slot === null ? undefined : wait(0, until).then(() => keepProof(answer, choice.one));
    const gathered = Promise.all([kept, wait(GATHER_MS, until)]);
    tail = tail
      .then(() => gathered)
      .then(() => follow(answer, choice))
      .catch((error) => {
        if (!isKeywardError(error)) throw error;
        const { code, message: reason } = error;
        log.error(
          { volume: answer.delivery.name, code, reason },
          "systemd has the key, and what follows failed",
        );
      })
      .finally(() => answer[Symbol.dispose]())
      .then(() => {
        waiting--;
        if (waiting === 0) return proofs.send();
      });
  }

  return {
    async keyFor(name, budget, signal) {
      const answer = await askAllWays(parts, name, budget, signal, { alone: true });
      let follows = false;
      try {
        const { delivery } = answer;
        if (delivery.beneath !== undefined) await host.lvm.activate(delivery.beneath);
        const choice = await choose(encryptedDevice(delivery), answer);
        const key = Secret.copy(choice.one.value.reveal());
        follows = true;
        later(answer, choice);
        return { key, version: choice.one.version };
      } finally {
        if (!follows) answer[Symbol.dispose]();
      }
    },
    settled: () => tail,
  };
}
