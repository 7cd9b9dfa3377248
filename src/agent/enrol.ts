/**
 * Enrol: first contact. The server is pinned by its CA's fingerprint; the request for a certificate goes with a
 * join token, or waits until an operator approves it by the fingerprint of the node's key.
 */
import type { Api } from "../api/api.ts";
import { isKeywardError, KeywardError } from "../base/errors.ts";
import type { Json } from "../base/json.ts";
import type { Secret } from "../base/secret.ts";
import type { ClientOptions } from "../client/client.ts";
import { fraction, type Random } from "../crypto/random.ts";
import { parseNodeName } from "../model/name.ts";
import type { Identity } from "./identity.ts";
import type { AgentLog } from "./log.ts";
import { csrFor, loadCa, type Membership, saveCa, saveMembership } from "./membership.ts";
import type { Pace, Wait } from "./pace.ts";
import type { State } from "./state.ts";

export interface Joining {
  /** The server's address; the one known from before when absent. */
  readonly address?: string;
  /** Other servers of the same store; those known from before when absent. */
  readonly others?: readonly string[];
  /** SHA-256 of the CA certificate, hex: how the server is known on first contact. */
  readonly fingerprint?: string;
  /** PEM certificates to trust, where they came another way. */
  readonly ca?: readonly string[];
  /** The name to ask for, the host's unless given; the join token may say another. */
  readonly name?: string;
  readonly token?: Secret;
}

export interface EnrolParts {
  readonly state: State;
  readonly identity: Identity;
  readonly joining: Joining;
  readonly connect: (options: ClientOptions) => Api;
  readonly pin: (address: string, fingerprint: string) => Promise<string[]>;
  readonly facts: () => { readonly [name: string]: Json };
  readonly pace: Pace;
  readonly wait: Wait;
  readonly random: Random;
  readonly log: AgentLog;
  /** Do not wait: neither for the server nor for approval. */
  readonly once: boolean;
  readonly signal: AbortSignal;
}

/** Between two looks whether an operator has approved, at most. */
const APPROVAL_MS = 10_000;

/** What is known of the server, and of the name it knows this host by. */
type Known = Pick<Membership, "address" | "others" | "node">;

/**
 * @param known - From before, when its certificate has ended or is for a key that is gone.
 * @returns `null` when the signal ended it.
 * @throws KeywardError `local` when there is no address; `integrity` when another CA is presented; whatever the
 *   server refuses it with; `unreachable`, and `denied` while approval is awaited, when it may not wait.
 */
export async function enrol(parts: EnrolParts, known: Known | null): Promise<Membership | null> {
  const { joining, pace, wait, random, log, once, signal } = parts;
  const address = joining.address ?? known?.address;
  if (address === undefined)
    throw new KeywardError("local", "this node has not enrolled, and no server is named", {
      hint: "run: keyward agent --server ADDRESS --ca-fingerprint SHA256 --join-token-file FILE",
    });
  while (!signal.aborted) {
    await pace.turn();
    let delay = APPROVAL_MS;
    try {
      const answer = await ask(parts, address, known);
      if (answer.kind === "issued") return answer.membership;
      log.warn(
        { node: answer.node, fingerprint: answer.fingerprint },
        "awaiting approval: keyward node approve",
      );
      if (once) throw awaiting(answer.node, answer.fingerprint);
    } catch (error) {
      if (signal.aborted) return null;
      if (once || !isPassing(error)) throw error;
      delay = 2 * APPROVAL_MS;
      log.warn({ code: error.code, reason: error.message }, "not enrolled yet");
    }
    await wait(delay * fraction(random), signal);
  }
  return null;
}

type Answer =
  | { readonly kind: "issued"; readonly membership: Membership }
  | { readonly kind: "pending"; readonly node: string; readonly fingerprint: string };

async function ask(parts: EnrolParts, address: string, known: Known | null): Promise<Answer> {
  const { state, identity, joining, connect, facts, signal } = parts;
  const ca = await trusted(parts, address);
  const key = await identity.key();
  const described = facts();
  const name = joining.name ?? known?.node ?? hostNameOf(described);
  const api = connect({ address, ca });
  const stop = (): void => void api.close();
  signal.addEventListener("abort", stop, { once: true });
  try {
    const body = {
      csr: csrFor(key, name ?? ""),
      ...(name === undefined ? {} : { name }),
      ...(joining.token === undefined ? {} : { token: textOf(joining.token) }),
      facts: described,
    };
    const answer = await api.call("agent.enrol", { body });
    if (answer.kind === "pending") return answer;
    const node = parseNodeName(answer.node);
    const { certificate } = answer;
    const others = joining.others ?? known?.others;
    const membership = {
      ...{ address, node, ca: answer.ca, key, keepsKey: identity.kept, certificate },
      ...(others === undefined ? {} : { others }),
    };
    saveMembership(state, membership);
    return { kind: "issued", membership };
  } finally {
    signal.removeEventListener("abort", stop);
    await api.close();
  }
}

/** Left out when it could not be a node's name: then the token has to say one. */
function hostNameOf({ hostname }: { readonly [name: string]: Json }): string | undefined {
  return typeof hostname === "string" && /^[A-Za-z0-9_][A-Za-z0-9._-]{0,252}$/.test(hostname)
    ? hostname
    : undefined;
}

/** Known from before, given, or presented now with the right fingerprint. */
async function trusted({ state, joining, pin }: EnrolParts, address: string): Promise<readonly string[]> {
  const known = loadCa(state);
  if (known.length > 0) return known;
  if (joining.ca !== undefined && joining.ca.length > 0) return joining.ca;
  if (joining.fingerprint === undefined)
    throw new KeywardError("local", "the server's CA is not known", {
      hint: "give --ca-fingerprint, as `keyward ca show` prints it on the server",
    });
  const ca = await pin(address, joining.fingerprint);
  saveCa(state, ca);
  return ca;
}

/** A token is typed or read from a file: text. */
function textOf(token: Secret): string {
  return Buffer.from(token.reveal()).toString("utf8").trim();
}

/** Worth another attempt later. */
function isPassing(error: unknown): error is KeywardError {
  const passing = [
    "unreachable",
    "timeout",
    "sealed",
    "uninitialised",
    "rate-limited",
    "busy",
    "conflict",
    "internal",
  ] as const;
  return passing.some((code) => isKeywardError(error, code));
}

function awaiting(node: string, fingerprint: string): KeywardError {
  return new KeywardError("denied", `node ${node} awaits approval`, {
    hint: `run: keyward node approve ${node} --fingerprint ${fingerprint}`,
  });
}
