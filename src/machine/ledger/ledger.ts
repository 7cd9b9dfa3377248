/** The ledger of a machine without a server: read and verified by anyone, changed by who can open the seed. */
import { existsSync } from "node:fs";
import path from "node:path";
import { createHost } from "../../adapters/host/host.ts";
import { lockDirectory } from "../../agent/lock.ts";
import { KeywardError } from "../../base/errors.ts";
import type { Flags } from "../../command/command.ts";
import { variable } from "../../command/environment.ts";
import { readBytes } from "../../command/read-file.ts";
import type { World } from "../../command/world.ts";
import { replace } from "../../command/write-file.ts";
import type { OpenedSeed } from "../../derive/opened.ts";
import {
  type Ledger,
  MAX_LEDGER_BYTES,
  openLedger,
  type VerifiedLedger,
} from "../../formats/ledger/ledger.ts";
import { newLedger, openOwnLedger, sealLedger } from "../../seed/ledger.ts";
import { openSeed, type SeedFlags, seedFile } from "../open-seed.ts";
import { assertPinned, pin, readPins } from "./pins.ts";

export const ledgerFlags = {
  ledger: { type: "string", value: "FILE", help: "The ledger's file (ledger, beside the seed)" },
  "accept-older": { type: "boolean", help: "Take a ledger that is older than one seen before" },
} as const satisfies Flags;

export interface LedgerFlags {
  readonly ledger?: string;
  readonly "accept-older"?: boolean;
}

type Reading = LedgerFlags & Pick<SeedFlags, "seed">;

export function ledgerFile(flags: Reading, world: Pick<World, "env" | "home" | "cwd">): string {
  const named = flags.ledger ?? variable(world.env, "KEYWARD_LEDGER");
  return named === undefined
    ? path.join(path.dirname(seedFile(flags, world)), "ledger")
    : path.resolve(world.cwd, named);
}

/**
 * Read a ledger, verify it and compare it with what was seen before.
 *
 * @param seed - With it the signature is known to be the seed's own, and each version to be the key that was listed.
 * @throws KeywardError as `openOwnLedger`; `not-found` when there is none; `integrity` also for an older one.
 */
export async function readLedger(flags: Reading, world: World, seed?: OpenedSeed): Promise<VerifiedLedger> {
  const file = ledgerFile(flags, world);
  const ledger = await readIfThere(file, flags, world, seed);
  if (ledger !== null) return ledger;
  throw new KeywardError("not-found", `ledger ${JSON.stringify(file)}: there is none`, {
    hint: "list the first realm: keyward realm add NAME --kind KIND",
  });
}

export interface Changed {
  readonly before: Ledger;
  readonly after: Ledger;
}

/**
 * Change the ledger: the seed is opened, and one process at a time does it.
 *
 * @param dryRun - Nothing is written.
 * @throws KeywardError as `readLedger`, and what `change` throws; `busy`
 */
export async function changeLedger(
  flags: LedgerFlags & SeedFlags,
  world: World,
  dryRun: boolean,
  change: (ledger: Ledger, seed: OpenedSeed) => Ledger,
): Promise<Changed> {
  using machine = await openSeed(flags, world);
  const { seed } = machine;
  const file = ledgerFile(flags, world);
  const release = dryRun ? () => {} : lock(path.dirname(file));
  try {
    const before = (await readIfThere(file, flags, world, seed)) ?? newLedger(seed, world.clock());
    if (before.sequence === 0) assertNotLost(file, flags, world, seed);
    const after = change(before, seed);
    if (after.sequence === before.sequence) return { before, after };
    const text = await sealLedger(after, seed);
    if (dryRun) return { before, after };
    replace(file, "ledger", text, 0o644);
    pin(world, openLedger(text));
    return { before, after };
  } finally {
    release();
  }
}

async function readIfThere(
  file: string,
  flags: LedgerFlags,
  world: World,
  seed: OpenedSeed | undefined,
): Promise<VerifiedLedger | null> {
  if (!existsSync(file)) return null;
  const bytes = readBytes(file, "ledger", MAX_LEDGER_BYTES);
  const ledger = seed === undefined ? openLedger(bytes) : await openOwnLedger(bytes, seed);
  const known = readPins(world)[ledger.seed];
  const older = flags["accept-older"] === true && known !== undefined ? { ...known, sequence: 1 } : known;
  assertPinned(older, ledger, seed !== undefined, world);
  pin(world, ledger);
  return ledger;
}

/** A ledger that was removed is one from before, too. */
function assertNotLost(file: string, flags: LedgerFlags, world: World, { id }: OpenedSeed): void {
  const known = readPins(world)[id];
  if (known === undefined || flags["accept-older"] === true) return;
  const what = `ledger ${JSON.stringify(file)}: there is none, and one with sequence ${known.sequence} has been seen`;
  throw new KeywardError("integrity", what, {
    hint: "name its file with --ledger, or take the copy that you keep elsewhere; to begin anew: --accept-older",
  });
}

function lock(directory: string): () => void {
  return lockDirectory(directory, createHost().bootId(), {
    does: "is changing the ledger here",
    hint: "wait for it to end",
  });
}
