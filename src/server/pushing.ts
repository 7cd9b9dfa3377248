/** Pushing: the delivery room put together, its drivers loaded when a push first wants them. */
import { createKept } from "../adapters/ssh/kept.ts";
import type { Connection } from "../adapters/ssh/remote-host.ts";
import {
  createLogin,
  createPusher,
  createSshCertificates,
  type Pusher,
  type SshCertificates,
} from "../delivery/delivery.ts";
import type { Login } from "../delivery/login.ts";
import type { PushDriver } from "../model/push.ts";
import type { ConnectHost } from "../model/remote-host.ts";
import type { SshMeans } from "../model/ssh-means.ts";
import type { Parts } from "./parts.ts";

/** Of connections that are left open, some 200 kB each. */
const keeping = { most: 1024, idleMs: 60_000, oldMs: 600_000 };

export interface Pushing {
  readonly login: Login;
  readonly pusher: Pusher;
  readonly sshCertificates: SshCertificates;
}

type Needs = Pick<
  Parts,
  "fleet" | "transact" | "rootKey" | "journal" | "store" | "clock" | "random" | "log" | "ssh"
>;

/** @param count - Of pushes, by outcome. */
export function createPushing(parts: Needs, count: (outcome: string) => void = () => {}): Pushing {
  const { random, log, ssh = (): SshMeans => ({}) } = parts;
  const kept = createKept<Connection>(keeping);
  parts.rootKey.onSeal(() => kept.stop());
  const drivers = new Map<PushDriver, Promise<ConnectHost>>();
  async function load(driver: PushDriver): Promise<ConnectHost> {
    const { createConnectHost, createOpenByOpenSsh, openBySsh2 } = await import("../adapters/ssh/ssh.ts");
    // another program for each would be too much to keep
    if (driver === "openssh") return createConnectHost(createOpenByOpenSsh(ssh()), random);
    return createConnectHost(openBySsh2, random, kept);
  }
  const login = createLogin({ ...parts, agent: () => ssh().agent });
  return {
    login,
    sshCertificates: createSshCertificates({ ...parts, login }),
    pusher: createPusher({
      ...parts,
      login,
      kept,
      connect(driver) {
        const loading = drivers.get(driver) ?? load(driver);
        drivers.set(driver, loading);
        loading.catch(() => drivers.delete(driver));
        return loading;
      },
      onRun({ node, outcome, error }) {
        count(error?.code ?? outcome?.kind ?? "nothing");
        if (error !== null) log.warn({ node, code: error.code, reason: error.message }, "push failed");
      },
    }),
  };
}
