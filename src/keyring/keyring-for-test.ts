/** A keyring on a store in memory, with the real journal and root key, for the tests of this room. */
import { createJournal } from "../audit/journal.ts";
import { fromUtf8, toBase64 } from "../base/bytes.ts";
import { Secret } from "../base/secret.ts";
import type { DurationMs, UnixMs } from "../base/time.ts";
import { systemRandom } from "../crypto/random.ts";
import type { VersionNumber } from "../model/key.ts";
import { type KeyName, parseKeyName } from "../model/name.ts";
import type { Allow } from "../model/principal.ts";
import { createRootKey } from "../seal/root-key.ts";
import { openMemory } from "../store/memory.ts";
import type { Store } from "../store/store.ts";
import { createTransact } from "../store/transaction.ts";
import { createKeyring } from "./keyring.ts";

export const DAY = 86_400_000 as DurationMs;
export const start = 1_700_000_000_000 as UnixMs;
export const local = { by: { kind: "local", name: "root" } } as const;

export const name = (text: string): KeyName => parseKeyName(text);
export const number = (n: number): VersionNumber => n as VersionNumber;
export const secret = (text: string): Secret => Secret.fromText(text);
export const text = (value: Secret): string => fromUtf8(value.reveal(), "value");

/** An operator with one rule. */
export function operator(...allow: Allow[]) {
  return { by: { kind: "operator", name: "alice", rules: [{ name: "some", allow }] } } as const;
}

export async function createBench(store: Store = openMemory()) {
  let now: number = start;
  const clock = (): UnixMs => now as UnixMs;
  const transact = createTransact(store);
  const rootKey = createRootKey({ transact, clock, random: systemRandom });
  const keyFile = Secret.fromText(toBase64(systemRandom(48)));
  await rootKey.initialise([{ kind: "file", content: keyFile }]);
  const journal = createJournal({
    transact,
    store,
    clock,
    signer: { sign: () => null, publicKey: null },
    signEvery: 3_600_000,
  });
  const keyring = createKeyring({ journal, rootKey, clock, random: systemRandom });
  return {
    store,
    transact,
    rootKey,
    keyFile,
    journal,
    keyring,
    clock,
    pass(time: number): void {
      now += time;
    },
    async read(key: string, version?: number): Promise<string> {
      const { value } = await keyring.get(
        local,
        name(key),
        version === undefined ? undefined : number(version),
      );
      return text(value);
    },
    /** `1 retiring, 2 primary` */
    async states(key: string): Promise<string> {
      const { versions } = await keyring.show(local, name(key));
      return versions.map((one) => `${one.number} ${one.state.kind}`).join(", ");
    },
    /** Who did what, the newest last: `local:root key:read db/x ok {"version":1}` */
    async events(): Promise<string[]> {
      const all = await journal.list({ after: 0, limit: 1000 });
      return all.map(({ by, action, resource, outcome, detail }) =>
        [by, action, resource, outcome, ...(detail === undefined ? [] : [JSON.stringify(detail)])].join(" "),
      );
    },
    /** Every record's key, but for the audit log. */
    async records(): Promise<string[]> {
      const all = await store.range({ prefix: "" });
      return all
        .map((record) => record.key)
        .filter((key) => !key.startsWith("audit") && !key.startsWith("seals/"));
    },
  };
}

export type Bench = Awaited<ReturnType<typeof createBench>>;
