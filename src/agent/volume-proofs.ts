/**
 * Volume proofs: that a version opens a volume, until the server has heard it. They lie in `proofs.json` in the state
 * directory meanwhile, so that an agent that ends, or is killed, says it when it is there again: any of the servers
 * takes them, for a day. What is proved at about the same time goes in one report.
 */
import type { ResponseOf } from "../api/shapes.ts";
import { fromUtf8, utf8 } from "../base/bytes.ts";
import { isKeywardError, type KeywardError } from "../base/errors.ts";
import { canonicalJson, type Json, parseJson } from "../base/json.ts";
import { memberReader } from "../base/json-members.ts";
import type { Random } from "../crypto/random.ts";
import type { Proof } from "./after-opening.ts";
import type { Server } from "./ask-volume.ts";
import type { AgentLog } from "./log.ts";
import { createBackoff, type Wait } from "./pace.ts";
import type { State } from "./state.ts";

export interface VolumeProofs {
  /** In place of what was to be said of the same keys. @param challenge - What they answer, base64. */
  add(challenge: string, proofs: readonly Proof[]): void;
  /** Say all that there is, now; what is not heard is said again later, and again. It never throws. */
  send(): Promise<void>;
}

export interface VolumeProofsParts {
  readonly state: State;
  readonly servers: () => readonly Server[];
  readonly wait: Wait;
  readonly random: Random;
  readonly log: AgentLog;
  /** Nothing is said again after this; it is kept for the next run. */
  readonly signal: AbortSignal;
}

interface Kept {
  readonly challenge: string;
  readonly proof: Proof;
}

const FILE = "proofs.json";
const limits = { size: 1_048_576, depth: 8, count: 20_000 };
/** More than volumes that a node can have: keys that are granted no more. */
const MOST = 300;
const AGAIN = { least: 5000, most: 600_000 };
/** What no server will ever take: then it is not said again. */
const lost = ["usage", "malformed", "too-large"] as const;

export function createVolumeProofs(parts: VolumeProofsParts): VolumeProofs {
  const { state, servers, wait, random, log, signal } = parts;
  const backoff = createBackoff(random, AGAIN.least, AGAIN.most);
  let kept = load(state, log);
  /** One report at a time. */
  let tail: Promise<void> = Promise.resolve();
  let waits = false;

  function save(): void {
    try {
      if (kept.length > 0) state.write(FILE, utf8(canonicalJson({ proofs: kept } as never)));
      else state.remove(FILE);
    } catch (error) {
      if (!isKeywardError(error)) throw error;
      log.warn({ code: error.code, reason: error.message }, "what is to be proved is not kept");
    }
  }

  function forget(gone: ReadonlySet<Kept>): void {
    kept = kept.filter((one) => !gone.has(one));
    save();
  }

  async function sendAll(): Promise<void> {
    for (const challenge of new Set(kept.map((one) => one.challenge))) {
      const some = kept.filter((one) => one.challenge === challenge);
      try {
        heard(await report(challenge, some));
      } catch (error) {
        if (!isKeywardError(error)) throw error;
        log.warn({ code: error.code, reason: error.message }, "open, and not proved to the server");
        if (!lost.some((code) => code === error.code)) return again();
      }
      forget(new Set(some));
    }
    backoff.reset();
  }

  /** The first server that answers. */
  async function report(challenge: string, some: readonly Kept[]): Promise<ResponseOf<"agent.report">> {
    const proofs = some.map(({ proof }) => proof);
    const body = { challenge, proofs, withdrawn: [], drift: [], failures: [] };
    let failure: KeywardError | undefined;
    for (const server of servers())
      try {
        return await server.call("agent.report", { body });
      } catch (error) {
        if (!isKeywardError(error)) throw error;
        failure ??= error;
      }
    throw failure ?? new Error("no server to prove it to");
  }

  function heard({ refused }: ResponseOf<"agent.report">): void {
    for (const { key, version } of refused) log.warn({ key, version }, "the server refused the proof");
  }

  function again(): void {
    if (waits || signal.aborted) return;
    waits = true;
    void wait(AGAIN.least + backoff.next(), signal).then(() => {
      waits = false;
      if (!signal.aborted) void send();
    });
  }

  function send(): Promise<void> {
    tail = tail.then(sendAll);
    return tail;
  }

  return {
    add(challenge, proofs) {
      const keys = new Set(proofs.map(({ key }) => key));
      const others = kept.filter(({ proof }) => !keys.has(proof.key));
      kept = [...others, ...proofs.map((proof) => ({ challenge, proof }))].slice(-MOST);
      save();
    },
    send,
  };
}

/** A file that cannot be read costs what it held: the next opening proves it again. */
function load(state: State, log: AgentLog): Kept[] {
  try {
    const bytes = state.read(FILE);
    if (bytes === null) return [];
    const what = `${state.path}/${FILE}`;
    const is = memberReader(what);
    const { proofs } = is.object(parseJson(fromUtf8(bytes.reveal(), what), what, limits), "its root");
    return is.list(proofs, "proofs").map((one) => keptOf(is, one));
  } catch (error) {
    if (!isKeywardError(error)) throw error;
    log.warn({ code: error.code, reason: error.message }, "what was to be proved is lost");
    return [];
  }
}

function keptOf(is: ReturnType<typeof memberReader>, value: Json): Kept {
  const { challenge, proof } = is.object(value, "a proof");
  is.object(proof, "a proof's proof");
  return { challenge: is.string(challenge, "challenge"), proof: proof as unknown as Proof };
}
