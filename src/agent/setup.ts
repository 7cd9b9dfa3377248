/** Setup: what an agent is made of, and what both its ways of running share. */
import type { Accounts } from "../adapters/accounts/accounts.ts";
import type { RunProgram } from "../adapters/adapters.ts";
import { type Host, isMemoryBacked } from "../adapters/host/host.ts";
import type { KeySocket, KeySocketParts } from "../adapters/systemd/key-socket.ts";
import type { Questions } from "../adapters/systemd/questions.ts";
import type { Api } from "../api/api.ts";
import { KeywardError } from "../base/errors.ts";
import { canonicalJson, type Json } from "../base/json.ts";
import type { Clock, DurationMs } from "../base/time.ts";
import type { ClientOptions } from "../client/client.ts";
import type { Random } from "../crypto/random.ts";
import type { DiskHost } from "../disk/disk.ts";
import { handedOver } from "./boot-certificate.ts";
import type { CredentialSockets } from "./credentials.ts";
import type { SeedSource } from "./deriver.ts";
import { enrol, type Joining } from "./enrol.ts";
import { prepareDirectory } from "./home.ts";
import { createDerivedIdentity, createKeptIdentity, type Identity, isCertificateOf } from "./identity.ts";
import type { AgentLog } from "./log.ts";
import { lifeOf, loadMembership, type Membership, saveCertificate, saveServer } from "./membership.ts";
import { createPace, type Pace, type Wait } from "./pace.ts";
import { openState, type State } from "./state.ts";

export interface AgentOptions {
  /** Where relative paths lie. Made with mode 0700 if it is missing. */
  readonly keyDirectory: string;
  readonly stateDirectory: string;
  /** Absolute. Besides the key directory, files are put below these and nowhere else; anywhere unless given. */
  readonly onlyBelow?: readonly string[] | undefined;
  /** Where the node's private key is from: kept in the state directory, unless given. */
  readonly identity?: "kept" | "derived";
  /** How to enrol, if this has not been done. */
  readonly joining: Joining;
  /** Of this program, reported as a fact. */
  readonly version: string;
  /** Where the initramfs leaves the certificate that it got at this boot. */
  readonly bootCertificate?: string;
  /** Between looks at all files, beside those that the kernel's notices cause; 60 s unless given. */
  readonly lookEvery?: DurationMs;
  /** For a hook; 30 s unless given. */
  readonly hookLimit?: DurationMs;
}

export interface Disks {
  readonly host: DiskHost;
  /** Sockets at which systemd asks for the keys of volumes, by the volume's name. */
  readonly sockets: ReadonlyMap<string, number>;
  /** `openKeySocket` */
  readonly listen: (parts: KeySocketParts) => Promise<KeySocket>;
  /** Does `/etc/crypttab` have this volume? */
  readonly isSystemds: (name: string) => boolean;
  /** systemd's questions for passphrases are answered. Absent: they are left to people. */
  readonly questions?: Questions;
}

export interface AgentParts {
  /** `createClient` */
  readonly connect: (options: ClientOptions) => Api;
  /** `pinServer` */
  readonly pin: (address: string, fingerprint: string) => Promise<string[]>;
  readonly clock: Clock;
  /** For durations; `clock` unless given. */
  readonly steady?: Clock;
  readonly random: Random;
  readonly wait: Wait;
  readonly host: Host;
  readonly accounts: Accounts;
  readonly run: RunProgram;
  /** What volumes need of the host. Absent: this agent touches no volume, whatever a grant says. */
  readonly disks?: Disks;
  /** Where systemd asks for the keys of services. Absent: nowhere. */
  readonly credentials?: CredentialSockets;
  /** This machine's seed. Absent: nothing is derived, whatever a grant says. */
  readonly seed?: SeedSource;
  readonly log: AgentLog;
}

export interface Setup {
  readonly options: AgentOptions;
  readonly parts: AgentParts;
  readonly state: State;
  readonly identity: Identity;
  /** Without links. */
  readonly keyDirectory: string;
  readonly facts: () => { readonly [name: string]: Json };
  readonly pace: Pace;
  /** Wait neither for a server nor for approval. */
  readonly once: boolean;
  readonly signal: AbortSignal;
}

export async function withSetup<T>(
  { options, parts, once, signal }: Pick<Setup, "options" | "parts" | "once" | "signal">,
  use: (setup: Setup) => Promise<T>,
): Promise<T> {
  const { host, random, wait, log } = parts;
  const keyDirectory = prepareDirectory(options.keyDirectory);
  const state = openState(options.stateDirectory, host.bootId(), random);
  try {
    if (!isMemoryBacked(keyDirectory))
      log.warn({ directory: keyDirectory }, "the key directory is not in memory: keys are written to a disk");
    const facts = () => ({ ...host.facts(), agent: options.version });
    return await use({
      options,
      parts,
      state,
      identity: identityOf(options, parts, state),
      keyDirectory,
      facts,
      pace: createPace(wait, signal),
      once,
      signal,
    });
  } finally {
    state.close();
  }
}

/** The membership kept, or one that is made now; `null` when the signal came first. */
export async function joined(setup: Setup): Promise<Membership | null> {
  const { parts } = setup;
  const known = await membershipOf(setup);
  if (known !== null) return withServers(setup, known);
  const enrolled = await enrolNow(setup, loadMembership(setup.state));
  const membership = enrolled === null ? null : withServers(setup, enrolled);
  if (membership !== null) parts.log.info({ node: membership.node, address: membership.address }, "enrolled");
  return membership;
}

/** The others that were named are remembered, for commands beside the agent. */
function withServers({ options, state }: Setup, known: Membership): Membership {
  const { address = known.address, others } = options.joining;
  if (others === undefined || canonicalJson([...others]) === canonicalJson([...(known.others ?? [])]))
    return { ...known, address };
  saveServer(state, { ...known, others });
  return { ...known, address, others };
}

/** A certificate that has ended opens no door: enrol again, with the same key. */
export async function rejoined(setup: Setup, membership: Membership): Promise<Membership> {
  const { parts } = setup;
  if (parts.clock() < lifeOf(membership.certificate).to) return membership;
  parts.log.warn({ node: membership.node }, "the certificate has ended: enrolling again");
  return (await enrolNow({ ...setup, once: true }, membership)) ?? membership;
}

function enrolNow(setup: Setup, known: Pick<Membership, "address" | "others" | "node"> | null) {
  const { options, parts, state, identity, facts, pace, once, signal } = setup;
  return enrol({ ...parts, state, identity, joining: options.joining, facts, pace, once, signal }, known);
}

/**
 * What the state directory says, if there is the key for its certificate. A key that was kept is good until the one
 * from the seed has taken its place.
 */
async function membershipOf({ options, state, identity, parts }: Setup): Promise<Membership | null> {
  const known = withBoot(options, state, loadMembership(state));
  if (known === null) return null;
  if (known.key !== null) return { ...known, key: known.key, keepsKey: true };
  if (identity.kept) return null;
  const key = await identity.key();
  if (isCertificateOf(known.certificate, key)) return { ...known, key, keepsKey: false };
  parts.log.warn(
    { node: known.node },
    "the certificate is for another seed than this machine's: enrolling again",
  );
  return null;
}

/** The initramfs has shown a later certificate to the server: the one that is kept would look like a copy's. */
function withBoot(
  { bootCertificate }: AgentOptions,
  state: State,
  known: ReturnType<typeof loadMembership>,
): typeof known {
  if (known === null || bootCertificate === undefined) return known;
  const certificate = handedOver(bootCertificate, known);
  if (certificate === null) return known;
  saveCertificate(state, known.key, certificate);
  return { ...known, certificate };
}

/** @throws KeywardError `usage` */
function identityOf(options: AgentOptions, { seed }: AgentParts, state: State): Identity {
  if (options.identity !== "derived") return createKeptIdentity(state);
  if (seed !== undefined) return createDerivedIdentity(seed);
  throw new KeywardError("usage", "an identity that is derived wants the machine's seed", {
    hint: "leave out --no-derive",
  });
}
