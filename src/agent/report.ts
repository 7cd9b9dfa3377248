/**
 * Report: what the agent tells the server after a change: proofs of what lies on the disk, what was withdrawn,
 * drift, failures, and facts about the host when they are new. What could not be told is told next time.
 *
 * A proof is HMAC-SHA-256 under the bundle's challenge of fields("keyward/v1/proof", node, key, version, value),
 * made from the file itself, so that it says what is there and not what was sent. For derived keys, whose value the
 * server does not have, see `deriver.ts`.
 */
import type { Api } from "../api/api.ts";
import type { BodyOf } from "../api/shapes.ts";
import { fields, fromBase64, toBase64 } from "../base/bytes.ts";
import { isKeywardError } from "../base/errors.ts";
import { canonicalJson, type Json } from "../base/json.ts";
import { hmacSha256 } from "../crypto/mac.ts";
import type { KeyName, NodeName } from "../model/name.ts";
import type { Deriver, ToProve } from "./deriver.ts";
import type { Drift } from "./drift.ts";
import type { Holdings } from "./holdings.ts";
import type { HeldVersion, Installed } from "./installed.ts";
import type { AgentLog } from "./log.ts";
import type { Failure } from "./wanted.ts";

type Body = BodyOf<"agent.report">;
type Facts = { readonly [name: string]: Json };

export interface Reporter {
  /** Look at the host anew. */
  observe(): void;
  /** Base64, from the newest bundle. */
  setChallenge(challenge: string): void;
  /** Prove these next time. */
  prove(keys: Iterable<KeyName>): void;
  addFailures(failures: readonly Failure[]): void;
  addDrift(drift: readonly (Drift & { readonly repaired: boolean })[]): void;
  /** Tell it, if there is anything to tell. @returns Versions that the server does not believe we hold. */
  send(api: Api): Promise<HeldVersion[]>;
}

export interface ReporterParts {
  readonly node: NodeName;
  readonly installed: Installed;
  readonly holdings: Holdings;
  readonly deriver: Deriver;
  readonly facts: () => Facts;
  readonly log: AgentLog;
}

/** Of each kind in one report: what the server takes, and few enough to stay below its limit on a body. */
const MOST = 300;
const unreadable = ["usage", "malformed", "too-large"] as const;
/** Drift and failures that could not be told are forgotten beyond this, oldest first. */
const KEPT = 4096;

export function createReporter(parts: ReporterParts): Reporter {
  const { node, installed, holdings, deriver, facts, log } = parts;
  let challenge: string | null = null;
  let now = facts();
  let nowText = canonicalJson(now);
  let toldText = "";
  let drift: (Drift & { readonly repaired: boolean })[] = [];
  let failures: Failure[] = [];
  /** The number tells whether a key was asked for again while a report was under way. */
  const asking = new Map<KeyName, number>();
  let asked = 0;

  /** Of what lies on the disk, intact. The caller wipes the values. */
  function toProve(keys: readonly KeyName[]) {
    return keys.flatMap((key) => {
      const file = [...installed.files.values()].find((one) => one.current?.key === key && one.key === key);
      const { version, from } = file?.current ?? {};
      const value = version === undefined ? null : holdings.copyOf(key, version);
      return value === null || version === undefined ? [] : [{ key, version, from, value }];
    });
  }

  async function proofsOf(keys: readonly KeyName[], under: Uint8Array): Promise<Body["proofs"]> {
    const held = toProve(keys);
    try {
      const derived = held.flatMap((one) => (one.from === undefined ? [] : [{ ...one, from: one.from }]));
      const sent = held.filter(({ from }) => from === undefined);
      return [...sent.map((one) => proofOf(one, under)), ...(await derivedProofs(derived, under))];
    } finally {
      for (const { value } of held) value.wipe();
    }
  }

  function proofOf({ key, version, value }: Omit<ToProve, "from">, under: Uint8Array) {
    const text = fields("keyward/v1/proof", node, key, String(version), value.reveal());
    const proof = toBase64(hmacSha256(under, text));
    text.fill(0);
    return { key, version, proof };
  }

  /** A seed that cannot be opened must not keep us from saying the rest. */
  async function derivedProofs(held: readonly ToProve[], under: Uint8Array): Promise<Body["proofs"]> {
    try {
      return await deriver.prove(under, node, held);
    } catch (error) {
      if (!isKeywardError(error)) throw error;
      log.warn({ code: error.code, reason: error.message }, "derived keys were not proved");
      return [];
    }
  }

  async function sendOne(api: Api, under: string): Promise<HeldVersion[]> {
    const keys = [...asking].slice(0, MOST);
    const bytes = fromBase64(under, "challenge");
    const body: Body = {
      challenge: under,
      proofs: await proofsOf(
        keys.map(([key]) => key),
        bytes,
      ),
      withdrawn: installed.withdrawn.slice(0, MOST).map(({ key, version }) => ({ key, version })),
      drift: drift.slice(0, MOST),
      failures: failures.slice(0, MOST).map((one) => ({ ...one, message: one.message.slice(0, 1000) })),
      ...(nowText === toldText ? {} : { facts: now }),
    };
    const text = nowText;
    const { refused } = await api.call("agent.report", { body });
    for (const [key, number] of keys) if (asking.get(key) === number) asking.delete(key);
    drift = drift.slice(body.drift.length);
    failures = failures.slice(body.failures.length);
    toldText = text;
    heard(body);
    for (const { key, version } of refused) log.warn({ key, version }, "the server refused the proof");
    return refused as HeldVersion[];
  }

  /** The server knows of these withdrawals now. */
  function heard({ withdrawn }: Body): void {
    if (withdrawn.length === 0) return;
    const told = new Set(withdrawn.map(({ key, version }) => `${key}@${version}`));
    installed.setWithdrawn(installed.withdrawn.filter(({ key, version }) => !told.has(`${key}@${version}`)));
    installed.save();
  }

  /** What the server cannot read now it will never read: it must not keep us from saying the rest. */
  function giveUp(error: unknown): void {
    if (!unreadable.some((code) => isKeywardError(error, code))) throw error;
    log.error({ reason: (error as Error).message }, "the server could not read a report");
    drift = [];
    failures = [];
    asking.clear();
    toldText = nowText;
    installed.setWithdrawn([]);
  }

  const hasNews = (): boolean =>
    asking.size + drift.length + failures.length + installed.withdrawn.length > 0 || nowText !== toldText;

  return {
    observe() {
      now = facts();
      nowText = canonicalJson(now);
    },
    setChallenge(next) {
      challenge = next;
    },
    prove(keys) {
      for (const key of keys) asking.set(key, ++asked);
    },
    addFailures(more) {
      failures = [...failures, ...more].slice(-KEPT);
    },
    addDrift(more) {
      drift = [...drift, ...more].slice(-KEPT);
    },
    async send(api) {
      const refused: HeldVersion[] = [];
      try {
        while (challenge !== null && hasNews()) refused.push(...(await sendOne(api, challenge)));
      } catch (error) {
        giveUp(error);
      }
      return refused;
    },
  };
}
