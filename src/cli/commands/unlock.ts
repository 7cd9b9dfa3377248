/** `keyward unlock`: volumes of this node, opened with keys that the server gives now. */
import path from "node:path";
import type { KnownVolume } from "../../agent/known-volumes.ts";
import type { Unlocked, Volumes } from "../../agent/volumes.ts";
import { isKeywardError, KeywardError } from "../../base/errors.ts";
import type { Secret } from "../../base/secret.ts";
import { type DurationMs, parseDuration, steadyClock } from "../../base/time.ts";
import { act } from "../../command/command.ts";
import { guard } from "../../command/guard.ts";
import type { Output } from "../../command/output.ts";
import { present } from "../../command/read-flags.ts";
import type { World } from "../../command/world.ts";
import { RECOVERY } from "../../disk/disk.ts";
import { recoveryKey } from "../../machine/disk/recovery-key.ts";
import {
  knownVolume,
  nodeFlags,
  type ThisNode,
  thisNode,
  UNLOCK_BUDGET,
} from "../../machine/disk/this-node.ts";
import { readShare } from "../../machine/share-files.ts";
import type { VersionNumber } from "../../model/key.ts";
import type { KeyName } from "../../model/name.ts";
import { type DevicePath, parseDevicePath, parseVolumeName, type VolumeName } from "../../model/volume.ts";
import { runnable } from "../run.ts";

export const command = runnable(
  "unlock",
  act({
    summary:
      "Open this node's volumes with keys that the server gives now; mount them, start what runs on them",
    words: ["NAME..."],
    flags: {
      ...nodeFlags,
      timeout: { type: "string", value: "TIME", help: "How long to ask for the keys (20s)" },
      device: { type: "string", value: "PATH", help: "Only if the volume's grant has this device" },
      share: {
        type: "string",
        multiple: true,
        value: "FILE",
        help: "A share of its recovery key; with enough of them no server is asked",
      },
      "no-prompt": { type: "boolean", help: "Do not ask for a recovery key when no key comes" },
    },
    calls: [],
    examples: [
      "keyward unlock data",
      "keyward unlock data backup --timeout 1m --no-prompt",
      "keyward unlock data --device /dev/vdb --no-prompt",
      "keyward unlock data --share db1-data-1-alice.share --share db1-data-3-carol.share",
    ],
    notes: [
      "The key goes from the server to cryptsetup's standard input and nowhere else. A volume that is open stays as it is, so it may be run at any time. When the time is up and there is a terminal, it asks for a recovery key: see keyward disk escrow.",
      "It runs beside the agent, or without one; the node must have enrolled.",
      "With --device it opens, or makes, nothing on a device that the caller does not mean; it then asks for no recovery key.",
      "Shares are those of keyward disk escrow, or of keyward disk open-share. The recovery key is put together in memory and shown nowhere; once it was used it is made anew, by the agent where the grant names holders.",
    ],
    async run({ world, out }, { words, flags }) {
      guard(world.env);
      const names = words.map(parseVolumeName);
      const node = thisNode(flags, world, out);
      const budget = flags.timeout === undefined ? UNLOCK_BUDGET : parseDuration(flags.timeout);
      const device = flags.device === undefined ? undefined : parseDevicePath(flags.device);
      if (device !== undefined && names.length > 1)
        throw new KeywardError("usage", "unlock: --device is for one volume at a time");
      if (flags.share !== undefined) return await unlockByShares(node, names, flags.share, world, out);
      const results = await unlockAll(
        node,
        names,
        { budget, prompts: flags["no-prompt"] !== true, ...present({ device }) },
        world,
        out,
      );
      out.show(
        { volumes: results.map(({ name, error }) => ({ name, open: error === undefined })) },
        { blocks: [], names: results.flatMap(({ name, error }) => (error === undefined ? [name] : [])) },
      );
      return Math.max(0, ...results.map(({ error }) => error?.exitStatus ?? 0));
    },
  }),
);

interface How {
  readonly budget: DurationMs;
  /** Ask for a recovery key. */
  readonly prompts: boolean;
  readonly device?: DevicePath;
}

interface Result {
  readonly name: VolumeName;
  readonly error?: KeywardError;
}

async function unlockAll(
  node: ThisNode,
  names: readonly VolumeName[],
  { budget, prompts, device }: How,
  world: World,
  out: Output,
): Promise<Result[]> {
  const end = steadyClock() + budget;
  let volumes: Promise<Volumes> | undefined;
  const asked = await Promise.all(
    names.map(async (name): Promise<Result> => {
      out.note(`${name}: asking for its key`);
      try {
        volumes ??= node.volumes();
        const left = Math.max(0, end - steadyClock()) as DurationMs;
        const opened = await (await volumes).unlock(name, left, world.interrupted, present({ device }));
        for (const line of linesOf(name, opened)) out.note(line);
        return opened.failures[0] === undefined ? { name } : { name, error: opened.failures[0] };
      } catch (error) {
        if (!isKeywardError(error)) throw error;
        out.note(`${name}: not opened: ${error.message}${error.hint === undefined ? "" : `; ${error.hint}`}`);
        return { name, error };
      }
    }),
  );
  // One question at a time, and only once nothing else can open it.
  const results: Result[] = [];
  for (const result of asked) {
    const asks = result.error !== undefined && prompts && device === undefined;
    const open = asks ? await recover(node, result.name, world, out) : null;
    results.push(open === true ? { name: result.name } : result);
  }
  return results;
}

function linesOf(name: VolumeName, { version, made, late, alone, failures, delivery }: Unlocked): string[] {
  const on = delivery.mount === undefined ? "" : `, mounted on ${delivery.mount.point}`;
  return [
    `${name}: ${made ? "made and " : ""}open with version ${version}${on}`,
    ...(alone ? [`${name}: no server answered: the copy of its key that is kept here was used`] : []),
    ...(late ? [`${name}: its key has a later version: keyward disk rotate ${name}`] : []),
    ...failures.map(({ message }) => `${name}: ${message}`),
  ];
}

/** @throws KeywardError `usage` when they are too few, `wrong-key` when they are another volume's. */
async function unlockByShares(
  node: ThisNode,
  [name, more]: readonly VolumeName[],
  files: readonly string[],
  world: World,
  out: Output,
): Promise<number> {
  if (name === undefined || more !== undefined)
    throw new KeywardError("usage", "unlock: --share is for one volume at a time");
  const known = knownVolume(node, name);
  const { joinShares } = await import("../../seed/shares.ts");
  const shares = files.map((file) => readShare(path.resolve(world.cwd, file)));
  const { seed } = await joinShares(shares).finally(() => {
    for (const { data } of shares) data.wipe();
  });
  using key = seed;
  for (const line of await openByRecovery(node, known, key)) out.note(line);
  out.show({ volumes: [{ name, open: true }] }, { blocks: [], names: [name] });
  return 0;
}

/** @throws KeywardError as `openVolume` */
async function openByRecovery(
  { host }: ThisNode,
  { delivery: granted }: KnownVolume,
  key: Secret,
): Promise<string[]> {
  const { openVolume } = await import("../../disk/disk.ts");
  const { createIfBlank: _, ...delivery } = granted;
  // Version 0 in its slot's mark: it is known now to those who put it together, and is to be made anew.
  const opener = { version: 0 as VersionNumber, value: key };
  const { failures } = await openVolume(host, RECOVERY as KeyName, delivery, [opener]);
  const { name, escrow } = delivery;
  return [
    `${name}: open with its recovery key`,
    escrow?.holders === undefined
      ? `${name}: its shares have met: make new ones, keyward disk escrow ${name} --out PREFIX`
      : `${name}: its shares have met: the agent makes new ones once a server answers`,
    ...failures.map(({ message }) => `${name}: ${message}`),
  ];
}

/** @returns `null` when there is nobody to ask, or they have no key. */
async function recover(node: ThisNode, name: VolumeName, world: World, out: Output): Promise<boolean | null> {
  const known = node.known().find(({ delivery }) => delivery.name === name);
  if (known === undefined) return null;
  for (;;) {
    let typed: Secret;
    try {
      typed = await world.askSecret(`recovery key of ${name} (nothing: give up): `);
    } catch (error) {
      if (isKeywardError(error)) return null;
      throw error;
    }
    using key = recoveryKey(typed);
    if (key.length === 0) return null;
    try {
      for (const line of await openByRecovery(node, known, key)) out.note(line);
      return true;
    } catch (error) {
      if (!isKeywardError(error, "wrong-key")) throw error;
      out.note(`${name}: this key does not open it`);
    }
  }
}
