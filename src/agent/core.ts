/** Core: the parts of a running agent, put together. */
import { dirname } from "node:path";
import { canonicalJson } from "../base/json.ts";
import { createApplier } from "./apply.ts";
import { openCredentials } from "./credentials.ts";
import { createDeriver } from "./deriver.ts";
import { createDriftWatch, type DriftWatch } from "./drift.ts";
import { createDueHooks, type DueHooks } from "./due-hooks.ts";
import { createEngine, type Engine } from "./engine.ts";
import { createFlag, type Flag } from "./flag.ts";
import { createHoldings } from "./holdings.ts";
import { createHooks, HOOK_LIMIT } from "./hooks.ts";
import { createInstaller } from "./install.ts";
import { type Installed, loadInstalled } from "./installed.ts";
import { hostKeyOf, type Membership, saveCa } from "./membership.ts";
import { createNodeVolumes, type NodeVolumes } from "./node-volumes.ts";
import { createOfflineKeeper, type OfflineKeeper } from "./offline.ts";
import { createReporter, type Reporter } from "./report.ts";
import type { Setup } from "./setup.ts";

export interface Core {
  readonly installed: Installed;
  readonly engine: Engine;
  readonly reporter: Reporter;
  readonly offline: OfflineKeeper;
  readonly drift: DriftWatch;
  readonly dueHooks: DueHooks;
  readonly volumes: NodeVolumes;
  /** A directory with files of ours has changed. */
  readonly stirred: Flag;
  /** The certificates to trust, as the server said last. */
  readonly ca: () => readonly string[];
  /** The certificate is a new one, and perhaps the key. */
  renewed(membership: Membership): void;
  /** After a kill or a reboot: remove half-written files, find out what lies where. */
  recover(): Promise<void>;
  close(): void;
}

export function assembleCore(setup: Setup, membership: Membership): Core {
  const { options, parts, state, keyDirectory, facts } = setup;
  const { clock, random, host, accounts, run, log } = parts;
  const { node } = membership;
  let { key } = membership;
  let current = membership;
  const boot = host.bootId();
  const { digest } = state;
  const installed = loadInstalled(state, boot);
  const installer = createInstaller(keyDirectory, state.temporaries);
  const holdings = createHoldings({ installed, installer, digest });
  const offline = createOfflineKeeper({
    state,
    node,
    host: () => hostKeyOf(key, host.machineId()),
    keyDirectory,
    copyOf: ({ key, version }) => holdings.copyOf(key, version),
    clock,
    random,
    log,
  });
  const runHooks = createHooks({ run, log, limit: options.hookLimit ?? HOOK_LIMIT });
  const stirred = createFlag();
  const drift = createDriftWatch({ installed, holdings, notice: stirred.raise });
  const deriver = createDeriver(parts.seed ?? null);
  const reporter = createReporter({ node, installed, holdings, deriver, facts, log });
  const onFailures: Reporter["addFailures"] = (failures) => {
    reporter.addFailures(failures);
    // a look ends with a report
    stirred.raise();
  };
  const dueHooks = createDueHooks({ installed, holdings, runHooks, onFailures, log });
  const { spare } = offline;
  const { start: startHooks } = dueHooks;
  const applier = createApplier({
    ...{ installed, installer, holdings, accounts, startHooks, spare, digest, deriver, log },
  });
  let ca = membership.ca;
  const onCa = (next: readonly string[]): void => {
    if (canonicalJson(next) === canonicalJson(ca)) return;
    saveCa(state, next);
    ca = next;
  };
  const volumes = createNodeVolumes({
    setup,
    membership: () => ({ ...current, ca }),
    deriver,
    onFailures,
    onWithdrawn(held) {
      installed.setWithdrawn([...installed.withdrawn, ...held]);
      installed.save();
      stirred.raise();
    },
  });
  const closeCredentials =
    parts.credentials === undefined
      ? () => {}
      : openCredentials({ keyDirectory, installed, holdings, wait: parts.wait, log }, parts.credentials);
  const places = { keyDirectory, stateDirectory: state.path, onlyBelow: options.onlyBelow };
  const engine = createEngine({
    ...{ places, installed, holdings, applier, offline, drift, deriver, reporter, log, onCa },
    onVolumes: volumes.want,
  });

  return {
    installed,
    engine,
    reporter,
    offline,
    drift,
    dueHooks,
    volumes,
    stirred,
    ca: () => ca,
    renewed(next) {
      if (!next.key.equals(key)) offline.reseal();
      key = next.key;
      current = next;
    },
    async recover() {
      const directories = new Set([...installed.files.keys()].map((path) => dirname(path)));
      const count = installer.clean(directories.add(keyDirectory));
      if (count > 0) log.warn({ count }, "removed what an earlier run left half-written");
      for (const file of [...installed.files.values()]) holdings.settle(file);
      if (installed.boot !== boot && installed.files.size > 0) await engine.afterReboot();
      else engine.noteDrift();
    },
    close() {
      closeCredentials();
      volumes.close();
      drift.close();
      dueHooks.close();
      installed.save();
    },
  };
}
