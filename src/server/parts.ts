/**
 * Parts: the rooms put together over one store. The server, the command line without one, tests and benches all
 * start here; what is handed in (store, clock, randomness) is all that they can differ by.
 */
import { type Access, createAccess } from "../access/access.ts";
import { type AuditLog, createJournal } from "../audit/journal.ts";
import { type Authority, createAuthority } from "../authority/authority.ts";
import type { Clock, UnixMs } from "../base/time.ts";
import type { Random } from "../crypto/random.ts";
import type { ScryptCost } from "../crypto/scrypt.ts";
import { createFleet, type Fleet } from "../fleet/fleet.ts";
import { createKeyring, type Keyring } from "../keyring/keyring.ts";
import type { Kms } from "../model/kms.ts";
import type { SshMeans } from "../model/ssh-means.ts";
import { createRootKey, type RootKeeper } from "../seal/root-key.ts";
import type { Store, Transact } from "../store/store.ts";
import { createTransact } from "../store/transaction.ts";
import { createAuditSigner } from "./audit-signer.ts";
import type { Log } from "./log.ts";

export interface PartsNeeds {
  /** Closed by `close`. */
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  /** Of the program, for `server.status`. */
  readonly version: string;
  readonly log: Log;
  /** Of new passphrase seals. */
  readonly cost?: ScryptCost;
  /** For seals by AWS KMS; closed by `close`. */
  readonly kms?: Kms;
  /** For pushes. */
  readonly ssh?: () => SshMeans;
}

export interface Parts extends PartsNeeds {
  readonly transact: Transact;
  readonly rootKey: RootKeeper;
  readonly journal: AuditLog;
  readonly keyring: Keyring;
  readonly fleet: Fleet;
  readonly access: Access;
  readonly authority: Authority;
  readonly started: UnixMs;
  /** To be called when the root key has come into memory, however it came. */
  afterUnseal(): Promise<void>;
  /** Told after each unseal. */
  onUnseal(listener: () => Promise<void>): void;
  /** Ends what runs by itself, signs the log's head, closes the store. */
  close(): Promise<void>;
}

/** @throws KeywardError `integrity` when the store holds what it should not. */
export async function createParts(needs: PartsNeeds): Promise<Parts> {
  const { store, clock, log } = needs;
  const transact = createTransact(store);
  const base = { ...needs, transact };
  const rootKey = createRootKey(base);
  await rootKey.load();
  const signer = createAuditSigner({ ...base, rootKey });
  const journal = createJournal({
    ...base,
    signer,
    onProblem: (error) => log.error({ error: String(error) }, "the audit log's head was not signed"),
  });
  const shared = { ...base, rootKey, journal };
  const keyring = createKeyring(shared);
  const fleet = await createFleet({ ...shared, openVersion: keyring.openVersion });
  const access = createAccess(shared);
  const authority = createAuthority({
    ...shared,
    resolveRules: access.resolveRules,
    operator: access.operator,
  });
  await Promise.all([access.ready, authority.ready]);
  const listeners: (() => Promise<void>)[] = [];
  return {
    ...shared,
    keyring,
    fleet,
    access,
    authority,
    started: clock(),
    async afterUnseal() {
      await signer.open();
      fleet.resume();
      for (const listener of listeners) await listener();
    },
    onUnseal: (listener) => void listeners.push(listener),
    async close() {
      fleet.close();
      access.close();
      authority.close();
      await journal.close();
      rootKey.lock();
      needs.kms?.close();
      await store.close();
    },
  };
}
