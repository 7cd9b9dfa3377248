/** A whole authority over a store in memory, with a clock that a test moves. For tests. */
import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { type AuditLog, createJournal } from "../audit/journal.ts";
import { utf8 } from "../base/bytes.ts";
import { KeywardError } from "../base/errors.ts";
import { Secret } from "../base/secret.ts";
import type { UnixMs } from "../base/time.ts";
import { systemRandom } from "../crypto/random.ts";
import { createCsr } from "../formats/csr/csr.ts";
import { parsePem } from "../formats/x509/x509.ts";
import type { Node } from "../model/node.ts";
import type { Allow, Principal, Rule } from "../model/principal.ts";
import { nodes } from "../records/records.ts";
import { createRootKey, type RootKeeper } from "../seal/root-key.ts";
import { openMemory } from "../store/memory.ts";
import type { Store, Transact } from "../store/store.ts";
import { createTransact } from "../store/transaction.ts";
import { type Authority, type AuthorityNeeds, createAuthority, type EnrolAnswer } from "./authority.ts";

export const root = { by: { kind: "local", name: "root" } } as const;
export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

export interface Host {
  readonly key: KeyObject;
  readonly csr: string;
}

export interface Bench {
  readonly store: Store;
  readonly transact: Transact;
  readonly journal: AuditLog;
  readonly rootKey: RootKeeper;
  /** What the rules of the store would be. */
  readonly rules: Map<string, readonly Allow[]>;
  readonly authority: Authority;
  now: number;
  /** A second server on the same store. */
  second(options?: Partial<AuthorityNeeds>): Authority;
  host(name: string): Host;
  /** Enrols with a token that is bound to the name. */
  join(name: string, host?: Host): Promise<Extract<EnrolAnswer, { kind: "issued" }>>;
  node(name: string): Promise<Node | null>;
  putNode(change: Partial<Node> & Pick<Node, "name">): Promise<void>;
  removeNode(name: string): Promise<void>;
  close(): void;
}

export async function openBench(options: Partial<AuthorityNeeds> = {}): Promise<Bench> {
  const store = openMemory();
  const transact = createTransact(store);
  // A little back, so that what is issued a few minutes later is good by the real clock too, which OpenSSL asks.
  const bench = { now: Date.now() - 2 * MINUTE };
  const clock = () => bench.now as UnixMs;
  const rootKey = createRootKey({ transact, clock, random: systemRandom });
  await rootKey.load();
  await rootKey.initialise([{ kind: "file", content: Secret.take(utf8("x7Gh2".repeat(30))) }]);
  const journal = createJournal({ transact, store, clock, signer: { sign: () => null, publicKey: null } });
  const rules = new Map<string, readonly Allow[]>([["audit", [{ actions: ["audit:read"], prefix: "" }]]]);
  const ruleNamed = (name: string): Rule[] => {
    const allow = rules.get(name);
    return allow === undefined ? [] : [{ name, allow }];
  };
  const resolveRules = async (_: unknown, names: readonly string[]): Promise<Rule[]> => {
    if (!names.every((name) => rules.has(name))) throw new KeywardError("not-found", "no such rule");
    return names.flatMap(ruleNamed);
  };
  const operator = (name: string, names: readonly string[]): Principal => {
    return { kind: "operator", name, rules: names.flatMap(ruleNamed) };
  };
  const needs = { journal, transact, store, rootKey, clock, random: systemRandom, resolveRules, operator };
  const second = (more: Partial<AuthorityNeeds> = {}): Authority => createAuthority({ ...needs, ...more });
  const authority = second(options);
  await authority.initialise(root);
  await authority.ready;

  const host = (name: string): Host => {
    const { privateKey: key } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    return { key, csr: createCsr(key, name) };
  };

  return Object.assign(bench, {
    store,
    transact,
    journal,
    rootKey,
    rules,
    authority,
    second,
    host,
    async join(name: string, { csr }: Host = host(name)) {
      const { token } = await authority.createJoinToken(root, { node: name });
      const answer = await authority.enrol({ csr, token });
      if (answer.kind !== "issued") throw new Error("still pending");
      return answer;
    },
    node: (name: string) => transact((tx) => nodes.get(tx, name)),
    putNode: (change: Partial<Node> & Pick<Node, "name">) =>
      transact(async (tx) => {
        const row = await nodes.get(tx, change.name);
        if (row === null) throw new Error("no such node");
        nodes.put(tx, { ...row, ...change });
      }),
    removeNode: (name: string) => transact((tx) => nodes.delete(tx, name)),
    close() {
      authority.close();
    },
  });
}

export function derOf(pem: string): Uint8Array {
  return parsePem(pem, "CERTIFICATE", 99_999);
}
