/** A fleet on a store in memory, with a journal that is real and a keyring that is three lines, for the tests of this room. */
import { createHash } from "node:crypto";
import { createJournal } from "../audit/journal.ts";
import { concat, fromBase64, toBase64, utf8 } from "../base/bytes.ts";
import { KeywardError } from "../base/errors.ts";
import { Secret } from "../base/secret.ts";
import type { DurationMs, UnixMs } from "../base/time.ts";
import { systemRandom } from "../crypto/random.ts";
import type { Event } from "../model/event.ts";
import type { DerivedAs, Version, VersionNumber, VersionState } from "../model/key.ts";
import type { KeyName, NodeName } from "../model/name.ts";
import type { AttributeTree, NodeState } from "../model/node.ts";
import { noAttributes } from "../model/node.ts";
import type { Allow, Principal } from "../model/principal.ts";
import { keys, nodes } from "../records/records.ts";
import type { RootKey } from "../seal/root-key.ts";
import { openMemory } from "../store/memory.ts";
import type { Store } from "../store/store.ts";
import { createTransact } from "../store/transaction.ts";
import type { BundleEntry } from "./bundle.ts";
import { createFleet, type Fleet } from "./fleet.ts";
import type { GrantInput } from "./grants.ts";
import { prove } from "./proof.ts";
import type { Report } from "./report.ts";

export const root: Principal = { kind: "local", name: "root" };
export const operator = (...allow: Allow[]): { by: Principal } => ({
  by: { kind: "operator", name: "alice", rules: [{ name: "some", allow }] },
});
export const asNode = (name: string): { by: Principal } => ({ by: { kind: "node", name: name as NodeName } });
export const me = { by: root };

/** Derives without a seal; `lock` does what sealing does to others. */
export function createTestRootKey(): RootKey & { lock(): void; unlock(): void } {
  const wipers: (() => void)[] = [];
  let sealed = false;
  const derive = (purpose: string): Secret => {
    if (sealed) throw new KeywardError("sealed", "the server is sealed");
    return Secret.take(new Uint8Array(createHash("sha256").update(purpose).digest()));
  };
  return {
    get state() {
      return sealed ? "sealed" : "unsealed";
    },
    seal: (purpose, place, secret) =>
      concat(utf8(`${purpose} ${place.join(" ")}\n`), secret.reveal()).map((byte) => byte ^ 0xff),
    open(purpose, place, box) {
      const text = Buffer.from(box.map((byte) => byte ^ 0xff));
      const head = utf8(`${purpose} ${place.join(" ")}\n`);
      if (!text.subarray(0, head.length).equals(head)) throw new KeywardError("integrity", "moved");
      return Secret.copy(text.subarray(head.length));
    },
    derive,
    onSeal: (wipe) => wipers.push(wipe),
    lock() {
      sealed = true;
      for (const wipe of wipers) wipe();
    },
    unlock() {
      sealed = false;
    },
  };
}

export type Bench = Awaited<ReturnType<typeof createBench>>;

/** Everything that a test of the fleet needs. `open` makes one more fleet on the same store: a restart. */
export async function createBench(store: Store = openMemory()) {
  let now = 1_700_000_000_000;
  const clock = () => now as UnixMs;
  const transact = createTransact(store);
  const rootKey = createTestRootKey();
  const journal = createJournal({
    transact,
    store,
    clock,
    signer: { sign: () => null, publicKey: new Uint8Array(32) },
    signEvery: 3_600_000,
  });
  const opened: Secret[] = [];

  async function openVersion(
    tx: { get(key: string): Promise<Uint8Array | null> },
    name: KeyName,
    version: VersionNumber,
  ): Promise<Secret> {
    const bytes = await tx.get(`versions/${name}@${version}`);
    if (bytes === null) throw new KeywardError("not-found", `no version ${version} of ${name}`);
    const secret = Secret.copy(bytes);
    opened.push(secret);
    return secret;
  }

  const open = (): Promise<Fleet> =>
    createFleet({ journal, store, transact, rootKey, openVersion, clock, random: systemRandom });
  const fleet = await open();

  /** Writes a key's row and values; the last version is in `state`, those before it are retiring. */
  async function putKey(
    name: string,
    values: readonly string[],
    state: VersionState["kind"] = "primary",
  ): Promise<void> {
    const states = statesOf(values.length, state);
    await transact(async (tx) => {
      const before = await keys.get(tx, name);
      const created = before?.created ?? clock();
      for (const [i, value] of values.entries()) tx.put(`versions/${name}@${i + 1}`, utf8(value));
      const versions = states.map(
        (one, i): Version => ({
          number: (i + 1) as VersionNumber,
          state: one,
          created,
          by: "local:root",
          size: (values[i] ?? "").length,
        }),
      );
      const origin = { kind: "stored" } as const;
      keys.put(tx, {
        name: name as KeyName,
        origin,
        created,
        retire: 0 as DurationMs,
        versions,
        dataKey: "",
      });
    });
  }

  /** As `putKey`, with nothing kept but how nodes derive it. */
  async function putDerived(
    name: string,
    count: number,
    derived: DerivedAs,
    state: VersionState["kind"] = "primary",
  ): Promise<void> {
    await putKey(name, Array(count).fill("none"), state);
    await transact(async (tx) => {
      const row = await keys.get(tx, name);
      if (row === null) return;
      const versions = row.versions.map((version) => ({ ...version, size: 0, derived }));
      keys.put(tx, { ...row, origin: { kind: "derived", ...derived }, versions });
      for (const { number } of versions) tx.delete(`versions/${name}@${number}`);
    });
  }

  return {
    store,
    transact,
    journal,
    rootKey,
    clock,
    fleet,
    open,
    opened,
    openVersion,
    putKey,
    putDerived,
    tick: (ms: number) => {
      now += ms;
    },
    removeKey: (name: string) => transact((tx) => keys.delete(tx, name)),
    /** As enrolment leaves it. */
    async putNode(
      name: string,
      attributes: Partial<Record<"set" | "attested" | "inventory" | "reported", AttributeTree>> = {},
      state: NodeState = "active",
    ): Promise<void> {
      const row = {
        name: name as NodeName,
        state,
        created: clock(),
        attributes: { ...noAttributes, ...attributes },
      };
      await transact((tx) => nodes.put(tx, row));
    },
    grant: async (
      key: string,
      query: string,
      path = `/run/${key}`,
      more: Partial<Extract<GrantInput["delivery"], { kind: "file" }>> = {},
    ) => {
      now += 1;
      const delivery = { kind: "file", path, mode: 0o400, offline: "never", ...more } as const;
      return fleet.grants.add(me, { key, query, delivery });
    },
    /** A volume called `data`, but for what is given. */
    unlock: async (
      key: string,
      query: string,
      more: Partial<Extract<GrantInput["delivery"], { kind: "unlock" }>> = {},
    ) => {
      now += 1;
      const delivery = {
        kind: "unlock",
        type: "luks",
        name: "data",
        device: "/dev/disk/by-id/one",
        start: [],
        atLoss: "close",
        conditions: {},
        ...more,
      } as const;
      return fleet.grants.add(me, { key, query, delivery });
    },
    /** The values that a node would get, by key. */
    async receive(
      node: string,
      held: { key: string; version: number }[] = [],
    ): Promise<Record<string, string>> {
      const { entries } = await fleet.bundleFor(asNode(node), held);
      return Object.fromEntries(
        entries.flatMap((entry) => (entry.value === undefined ? [] : [[entry.key, textOf(entry)]])),
      );
    },
    async events(action?: string): Promise<Event[]> {
      const all = await journal.list({ after: 0, limit: 10_000 });
      return action === undefined ? all : all.filter((event) => event.action === action);
    },
  };
}

function statesOf(count: number, last: VersionState["kind"]): VersionState[] {
  const end = (kind: VersionState["kind"]): VersionState =>
    kind === "retiring"
      ? { kind, until: 9e15 as UnixMs }
      : kind === "destroyed"
        ? { kind, at: 0 as UnixMs }
        : { kind };
  return Array.from({ length: count }, (_, i) => {
    if (i === count - 1) return end(last);
    return end(last === "pending" && i === count - 2 ? "primary" : "retiring");
  });
}

export function textOf({ value = "" }: BundleEntry): string {
  return Buffer.from(fromBase64(value, "value")).toString();
}

/** A report without anything in it but what is given. */
export function reportOf(parts: Partial<Report>): Report {
  return { challenge: "", proofs: [], withdrawn: [], drift: [], failures: [], ...parts };
}

/** What an honest node sends. */
export function proofOf(node: string, challenge: string, key: string, version: number, value: string) {
  using secret = Secret.fromText(value);
  const proof = prove(fromBase64(challenge, "challenge"), { node, key, version }, secret);
  return { key, version, proof: toBase64(proof) };
}

/** Until everything that was set off in this turn is done. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
}
