/**
 * Login: who we are to the hosts. One key of the server's own, made at its first use and kept wrapped under the root
 * key; and an SSH CA, by which OpenSSH's driver shows a certificate of five minutes beside it.
 */
import { Secret } from "../base/secret.ts";
import type { Clock } from "../base/time.ts";
import type { Random } from "../crypto/random.ts";
import { ed25519PublicKey, SEED_SIZE } from "../crypto/sign.ts";
import {
  encodePrivateKey,
  formatCertificateLine,
  formatPublicLine,
  type SshCertificate,
  type SshPublicKey,
  signCertificate,
} from "../formats/openssh/openssh.ts";
import type { PushSettings } from "../model/push.ts";
import type { SshLogin } from "../model/remote-host.ts";
import type { RootKey } from "../seal/root-key.ts";
import { systemSecret } from "../seal/system.ts";
import type { Transact } from "../store/store.ts";

export interface Login {
  /** @throws KeywardError `sealed`, `uninitialised`, `integrity` */
  loginFor(settings: PushSettings): Promise<SshLogin>;
  /** Lines of public keys. @throws as `loginFor` */
  keys(): Promise<{ readonly push: string; readonly ca: string }>;
  /** @returns The line of a certificate. @throws KeywardError `usage`, and as `loginFor` */
  certify(
    content: Omit<SshCertificate, "serial">,
  ): Promise<{ readonly serial: bigint; readonly line: string }>;
}

export interface LoginNeeds {
  readonly transact: Transact;
  readonly rootKey: RootKey;
  readonly clock: Clock;
  readonly random: Random;
  /** An ssh-agent's socket, to log in by what it holds instead. */
  readonly agent?: () => string | undefined;
}

const CERTIFICATE_SECONDS = 300;
/** Clocks differ. */
const BEFORE_SECONDS = 60;

export function createLogin({ transact, rootKey, clock, random, agent }: LoginNeeds): Login {
  const kept = new Map<string, Promise<Secret>>();
  rootKey.onSeal(() => {
    for (const secret of kept.values())
      secret.then(
        (one) => one.wipe(),
        () => {},
      );
    kept.clear();
  });

  function seedOf(purpose: "ssh-push" | "ssh-ca"): Promise<Secret> {
    const known = kept.get(purpose);
    if (known !== undefined) return known;
    const make = (): Secret => Secret.take(random(SEED_SIZE));
    const opening = transact((tx) => systemSecret(tx, rootKey, purpose, make));
    kept.set(purpose, opening);
    opening.catch(() => kept.delete(purpose));
    return opening;
  }

  const publicOf = (seed: Secret): SshPublicKey => ({
    kind: "ed25519",
    key: ed25519PublicKey(seed.reveal()),
  });

  async function certify(content: Omit<SshCertificate, "serial">) {
    const ca = await seedOf("ssh-ca");
    const serial = Buffer.from(random(8)).readBigUInt64BE() >> 1n;
    const bytes = signCertificate({ ...content, serial }, ca.reveal(), random(32));
    return { serial, line: formatCertificateLine(bytes) };
  }

  async function certificateFor(key: SshPublicKey, user: string): Promise<string> {
    const now = Math.floor(clock() / 1000);
    const { line } = await certify({
      key,
      type: "user",
      keyId: "keyward-push",
      principals: [user],
      validFrom: now - BEFORE_SECONDS,
      validUntil: now + CERTIFICATE_SECONDS,
      critical: {},
      extensions: [],
    });
    return line;
  }

  return {
    async loginFor({ driver, target }) {
      const socket = agent?.();
      if (socket !== undefined) return { kind: "agent", socket };
      const seed = await seedOf("ssh-push");
      const { key } = publicOf(seed) as SshPublicKey & { kind: "ed25519" };
      const file = encodePrivateKey(
        { kind: "ed25519", key, seed: seed.reveal() },
        "keyward-push",
        Buffer.from(random(4)).readUInt32BE(),
      );
      if (driver === "ssh2") return { kind: "key", key: file };
      return {
        kind: "key",
        key: file,
        certificate: await certificateFor({ kind: "ed25519", key }, target.user),
      };
    },
    async keys() {
      const [push, ca] = await Promise.all([seedOf("ssh-push"), seedOf("ssh-ca")]);
      return {
        push: formatPublicLine(publicOf(push), "keyward-push"),
        ca: formatPublicLine(publicOf(ca), "keyward-ssh-ca"),
      };
    },
    certify,
  };
}
