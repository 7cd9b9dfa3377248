/**
 * Deliver: a derived key to where its ledger says that it is read: a file, put in place in one step, or a program's
 * standard input. Neither reaches an argument, a log or an error.
 */
import { createAccounts } from "../../adapters/accounts/accounts.ts";
import { type End, type RunProgram, runProgram } from "../../adapters/process.ts";
import { createInstaller, type Installer } from "../../agent/install.ts";
import { createTemporaries } from "../../agent/place.ts";
import { KeywardError } from "../../base/errors.ts";
import { type DurationMs, formatDuration } from "../../base/time.ts";
import { systemRandom } from "../../crypto/random.ts";
import type { RealmDelivery } from "../../formats/ledger/ledger.ts";
import { printable } from "../../model/name.ts";
import type { Handover } from "../../seed/handover.ts";

const LIMIT = 60_000 as DurationMs;
/** Directories missing below this one are made; others must exist. */
const OWN_DIRECTORY = "/run/keyward/keys";

/**
 * @returns Delivers one key; may be called again with the same one. Throws KeywardError `local` when the file cannot be
 *   put in place, the account is not known, or a program does not end with 0.
 */
export function createDelivery(run: RunProgram = runProgram): (handover: Handover) => Promise<void> {
  const installer = createInstaller(OWN_DIRECTORY, createTemporaries("realm", systemRandom));
  return async (handover) => {
    const { delivery } = handover.realm;
    if (delivery === undefined) return;
    if (delivery.kind === "file") await install(installer, delivery, handover);
    // After each delivery, also of the same key: who was killed may not have come to it before.
    if (delivery.run !== undefined) await runFor(delivery.run, delivery.kind, handover, run);
  };
}

async function install(
  installer: Installer,
  { path, owner, group, mode }: RealmDelivery & { kind: "file" },
  { key }: Handover,
): Promise<void> {
  const accounts = createAccounts();
  const uid = owner === undefined ? (process.getuid?.() ?? 0) : await accounts.uidOf(owner);
  const gid = group === undefined ? (process.getgid?.() ?? 0) : await accounts.gidOf(group);
  installer.install(path, key, { uid, gid, mode });
}

async function runFor(
  argv: readonly string[],
  kind: RealmDelivery["kind"],
  { realm, version, key }: Handover,
  run: RunProgram,
): Promise<void> {
  const environment = { KEYWARD_REALM: realm.name, KEYWARD_VERSION: String(version) };
  const input = kind === "consumer" ? { input: key.reveal() } : {};
  // What it prints is not kept: it may be the key.
  const { end } = await run({ argv, environment, limit: LIMIT, keep: 0, ...input });
  const failure = failureOf(end);
  if (failure === null) return;
  throw new KeywardError("local", `realm ${printable(realm.name)}: ${printable(argv[0] ?? "")} ${failure}`, {
    hint: "see to it and run the command again: what was delivered is delivered again, and nothing is lost",
  });
}

function failureOf(end: End): string | null {
  switch (end.kind) {
    case "exited":
      return end.status === 0 ? null : `ended with status ${end.status}`;
    case "killed":
      return `was ended by ${end.signal}`;
    case "timeout":
      return `took longer than ${formatDuration(end.limit)} and was killed`;
    case "not-started":
      return `could not be started (${end.code})`;
  }
}
