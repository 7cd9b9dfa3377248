/**
 * The decision on one request, in the original's order: who is it, according to whom; does it open with the keys that
 * this source knows; is it from who it says it is; may it; then the value, sealed to the same keys. Every decision is
 * told to the audit before its answer leaves.
 */
import { type ErrorCode, isKeywardError, KeywardError } from "../base/errors.ts";
import type { Secret } from "../base/secret.ts";
import type { Random } from "../crypto/random.ts";
import { type EnvelopeHash, envelopeHash } from "../formats/secretary/allowed.ts";
import { openRequest, sealResponse } from "../formats/secretary/exchange.ts";
import { EPOCH } from "../formats/secretary/instant.ts";
import type { PrivateKey } from "../formats/secretary/keys.ts";
import type { LayerKeys } from "../formats/secretary/layers.ts";
import type { DecryptRequest, Wanted } from "../formats/secretary/request.ts";
import type { AlsoAnswered } from "../formats/secretary/response.ts";
import type { Asker, Claim, Source, SourceName } from "./asker.ts";
import type { BoxKeys } from "./box-keys.ts";
import { keyFingerprint } from "./fingerprint.ts";
import type { Found, Opening } from "./opening.ts";
import { NODE_PREFIX } from "./own-source.ts";
import type { Replays } from "./replays.ts";

export interface DecisionNeeds {
  readonly sources: Sources;
  /** The newest first: each is tried. */
  readonly masters: readonly PrivateKey[];
  readonly boxKeys: BoxKeys;
  readonly opening: Opening;
  readonly replays: Replays;
  readonly random: Random;
  /** What it is told must be kept before it answers. */
  readonly audit: (decided: Decided) => Promise<void> | void;
}

/** Absent: not asked. */
export type Sources = Readonly<Partial<Record<SourceName, Source>>>;

/** Which request it is, for the audit. */
export interface RequestId {
  readonly request: string;
  /** The network address that it came from. */
  readonly from: string;
}

/** One envelope, and what became of the wish to open it. Names and hashes; no value, and nothing that a source said. */
export interface Decided extends RequestId {
  /** Absent when none was asked. */
  readonly source?: SourceName;
  readonly appId: string;
  readonly appVersion: string;
  readonly taskId: string;
  readonly outcome: "ok" | "denied" | "failed";
  /** Of a refusal. */
  readonly code?: ErrorCode;
  readonly reason?: string;
  /** Of the deploy key; absent until the source named it. */
  readonly deploy?: string;
  readonly service?: string;
  /** The rest is known once the request is open. */
  readonly variable?: string;
  readonly envelope?: EnvelopeHash;
  /** Which keys opened the value. */
  readonly keys?: string;
}

export interface Decision {
  /**
   * @returns The answer: one envelope.
   * @throws KeywardError `malformed` and `wrong-key` for a request that is not one; `conflict` for one that was here
   *   before; `unauthenticated` when it may not; `timeout` when the source does not answer, `internal` when it cannot say.
   */
  decide(claim: Claim, envelope: string, id: RequestId): Promise<string>;
}

/** Known while deciding, for the audit. */
type Known = { -readonly [N in keyof Decided]?: Decided[N] };

export function createDecision(needs: DecisionNeeds): Decision {
  const { sources, masters, boxKeys, opening, replays, random, audit } = needs;

  function layerKeys(master: PrivateKey, { deploy, service }: Asker): LayerKeys {
    const own = { deploy: boxKeys.between(master, deploy) };
    return service === undefined ? own : { ...own, service: boxKeys.between(master, service) };
  }

  /** With the master key that it was sealed to, which seals the answer too. */
  function openWith(asker: Asker, envelope: string) {
    let first: unknown;
    for (const master of masters) {
      try {
        return { master, ...openRequest(layerKeys(master, asker), envelope) };
      } catch (error) {
        if (!isKeywardError(error, "wrong-key")) throw error;
        first ??= error;
      }
    }
    throw first;
  }

  async function openOne(asker: Asker, wanted: Wanted, known: Known): Promise<Secret> {
    known.variable = short(wanted.key);
    known.envelope = envelopeHash(wanted.requestedSecret);
    const refusal = asker.refusal(wanted);
    if (refusal !== null)
      throw new KeywardError("unauthenticated", `the secret may not be opened: ${refusal}`);
    try {
      const { value, keys } = await opening.open(wanted.requestedSecret, placeOf(wanted));
      known.keys = keys;
      return value;
    } catch (cause) {
      throw new KeywardError("wrong-key", `the secret does not open: ${tellableCause(cause)}`, { cause });
    }
  }

  async function openFurther(asker: Asker, wanted: Wanted, known: Known): Promise<AlsoAnswered> {
    try {
      const value = await openOne(asker, wanted, known);
      await audit(decided(known));
      return { value };
    } catch (error) {
      await audit(decided(known, error));
      return { error: tellable(error).message };
    }
  }

  async function openAll(asker: Asker, request: DecryptRequest, known: Known) {
    const base = { ...known };
    const value = await openOne(asker, request, known);
    const { also } = request;
    if (also === undefined) return { value };
    return { value, also: await Promise.all(also.map((one) => openFurther(asker, one, { ...base }))) };
  }

  async function answer(claim: Claim, envelope: string, known: Known): Promise<string> {
    const source = sourceFor(claim, sources);
    known.source = source.name;
    source.assertClaim(claim);
    const asker = await findIn(source, claim);
    known.deploy = keyFingerprint(asker.deploy);
    if (asker.service !== undefined) known.service = keyFingerprint(asker.service);
    const { master, request, nonce } = openWith(asker, envelope);
    const { requestId } = request;
    // others use the name for something else: ours sends both
    const timestamp = requestId === undefined ? undefined : request.timestamp;
    if (!asker.isSame(request))
      throw new KeywardError("malformed", "the sealed request is of another app, version or task");
    replays.take({ deploy: asker.deploy, nonce, ...(timestamp === undefined ? {} : { timestamp }) });
    const opened = await openAll(asker, request, known);
    try {
      const response = { ...opened, ...(requestId === undefined ? {} : { requestId }) };
      return sealResponse(layerKeys(master, asker), response, random);
    } finally {
      opened.value.wipe();
      for (const one of opened.also ?? []) if ("value" in one) one.value.wipe();
    }
  }

  return {
    async decide(claim, envelope, id) {
      const { appId, appVersion, taskId } = claim;
      const known: Known = { ...id, appId: short(appId), appVersion, taskId: short(taskId) };
      let sealed: string;
      try {
        sealed = await answer(claim, envelope, known);
      } catch (error) {
        await audit(decided(known, error));
        throw tellable(error);
      }
      await audit(decided(known));
      return sealed;
    },
  };
}

/** Which source knows this kind of claim. @throws KeywardError `malformed` when none does, or it is not asked here. */
function sourceFor({ appId, appVersion, instant, taskId }: Claim, sources: Sources): Source {
  const name = sourceNameFor(appId, appVersion !== "" && instant !== EPOCH, taskId);
  const source = name === null ? undefined : sources[name];
  if (source !== undefined) return source;
  if (name === null)
    throw new KeywardError(
      "malformed",
      "expected parameters appid, appversion, taskid and envelope; one is missing",
    );
  throw new KeywardError("malformed", `${name} is not asked by this daemon`);
}

function sourceNameFor(appId: string, hasVersion: boolean, taskId: string): SourceName | null {
  if (appId.startsWith(NODE_PREFIX)) return "keyward";
  if (taskId === "") return null;
  if (hasVersion) return appId === "" ? null : "marathon";
  return "mesos";
}

/** A source that cannot say is one thing, whatever the reason: what it said stays here. */
async function findIn(source: Source, claim: Claim): Promise<Asker> {
  try {
    return await source.find(claim);
  } catch (error) {
    if (isKeywardError(error, "timeout")) throw error;
    const message = isKeywardError(error) ? error.message : "it failed";
    throw new KeywardError("internal", `${source.name} does not vouch for this task: ${message}`, {
      cause: error,
    });
  }
}

/** In the audit, of text that anyone may send. */
const MAX_NAME = 256;

function short(text: string): string {
  return text.length > MAX_NAME ? `${text.slice(0, MAX_NAME)}…` : text;
}

function placeOf({ key }: Wanted): Found {
  return { variable: key, what: "it" };
}

/** What a key service says is for the audit alone: it names keys and regions. */
function tellableCause(error: unknown): string {
  const isOurs = ["malformed", "too-large", "wrong-key", "integrity"].some((code) =>
    isKeywardError(error, code as ErrorCode),
  );
  return isOurs ? (error as KeywardError).message : "the key service refuses or fails";
}

function tellable(error: unknown): KeywardError {
  return isKeywardError(error) ? error : new KeywardError("internal", "the request failed", { cause: error });
}

function decided(known: Known, error?: unknown): Decided {
  const base = known as Decided;
  if (error === undefined) return { ...base, outcome: "ok" };
  const { code, message, cause } = tellable(error);
  const outcome = code === "internal" || code === "timeout" ? "failed" : "denied";
  const reason =
    isKeywardError(cause) && !message.includes(cause.message) ? `${message}: ${cause.message}` : message;
  return { ...base, outcome, code, reason };
}
