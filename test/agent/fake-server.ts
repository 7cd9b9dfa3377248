/**
 * A server in the test's own process that behaves to an agent as the real one does: it sends a bundle when a
 * watch opens and after each change, leaves out values that the node holds, and checks proofs.
 */
import { createHash, createHmac, randomBytes } from "node:crypto";
import type { Api } from "../../src/api/api.ts";
import type { OperationName } from "../../src/api/operations.ts";
import type { BodyOf, ResponseOf } from "../../src/api/shapes.ts";
import { fields } from "../../src/base/bytes.ts";
import { KeywardError } from "../../src/base/errors.ts";
import type { Clock } from "../../src/base/time.ts";
import type { ClientOptions } from "../../src/client/client.ts";
import { isDerivedProof } from "../../src/formats/derived-proof/derived-proof.ts";
import { certificate } from "./certificates.ts";

type Bundle = ResponseOf<"agent.bundle">;
type Delivery = Bundle["entries"][number]["delivery"];
type Derived = NonNullable<Bundle["entries"][number]["derived"]>;
type Held = BodyOf<"agent.watch">["held"];
export type Report = BodyOf<"agent.report">;

interface Granted {
  readonly grant: string;
  readonly key: string;
  version: number;
  value: string;
  delivery: Delivery;
  /** How the node makes the value; `value` is not sent then. */
  derived?: Derived;
}

interface Watcher {
  held: Held;
  readonly lines: Bundle[];
  wake: () => void;
  failure: KeywardError | null;
  over: boolean;
  readonly api: object;
}

export const NODE = "db1";
const DAY_MS = 86_400_000;

export class FakeServer {
  readonly clock: Clock;
  readonly grants = new Map<string, Granted>();
  readonly calls: { readonly name: OperationName; readonly at: number; readonly api: object }[] = [];
  readonly reports: Report[] = [];
  readonly proved = new Map<string, number>();
  readonly refusedProofs: string[] = [];
  /** Certificates presented, in the order of the connections. */
  readonly presented: (string | undefined)[] = [];
  ca: string[];
  /** Every call fails with this. */
  failure: KeywardError | null = null;
  /** Nobody has approved the node yet. */
  pending = false;
  /** A call never comes back. */
  hangs = false;
  lifeMs = DAY_MS;
  generation = 0;
  openConnections = 0;
  /** Connections that were open when the newest certificate was first presented. */
  openAtRenewal: number[] = [];
  readonly token = "join-me";
  #watchers = new Set<Watcher>();
  #challenges = new Set<string>();
  #revision = 1;

  constructor(clock: Clock) {
    this.clock = clock;
    this.ca = [certificate(clock() - DAY_MS, clock() + 1000 * DAY_MS)];
  }

  connect = (options: ClientOptions): Api => {
    const api = { options };
    this.presented.push(options.cert);
    if (options.cert !== undefined && this.presented.filter((cert) => cert === options.cert).length === 1)
      this.openAtRenewal.push(this.openConnections);
    this.openConnections++;
    let closed = false;
    return {
      call: async (name, request) => (await this.#call(api, name, request)) as never,
      stream: (name, request, signal) => this.#stream(api, name, request, signal) as never,
      text: async () => "",
      close: async () => {
        if (!closed) this.openConnections--;
        closed = true;
        for (const watcher of this.#watchers) if (watcher.api === api) this.#end(watcher, null);
      },
    };
  };

  pin = async (_address: string, fingerprint: string): Promise<string[]> => {
    this.#check();
    if (fingerprint !== this.fingerprint) throw new KeywardError("integrity", "presents another CA");
    return this.ca;
  };

  get fingerprint(): string {
    return createHash("sha256")
      .update(this.ca[0] ?? "")
      .digest("hex");
  }

  /** Grant a key, or change its value: the next version. */
  put(key: string, value: string, delivery: Partial<Delivery> = {}, grant = `g-${key}`): void {
    const before = this.grants.get(grant);
    const full = fullDelivery(key, { ...before?.delivery, ...delivery });
    const version = before === undefined ? 1 : before.value === value ? before.version : before.version + 1;
    this.grants.set(grant, { grant, key, version, value, delivery: full });
    this.#announce();
  }

  /** Grant a key that the node derives; again: the next version. */
  derive(key: string, derived: Derived, delivery: Partial<Delivery> = {}): void {
    const grant = `g-${key}`;
    const before = this.grants.get(grant);
    const version = (before?.version ?? 0) + 1;
    const full = fullDelivery(key, { ...before?.delivery, ...delivery });
    this.grants.set(grant, { grant, key, version, value: "", delivery: full, derived });
    this.#announce();
  }

  /** The next version, before anyone is told. */
  stage(key: string, value: string): void {
    const grant = this.grants.get(`g-${key}`);
    if (grant === undefined) throw new Error("no such grant");
    grant.version++;
    grant.value = value;
  }

  remove(key: string): void {
    this.grants.delete(`g-${key}`);
    this.#announce();
  }

  /** Tell every watcher its state. */
  announce(): void {
    this.#announce();
  }

  /** Take the server away. */
  stop(): void {
    this.failure = new KeywardError("unreachable", "db: connection refused");
    for (const watcher of [...this.#watchers])
      this.#end(watcher, new KeywardError("unreachable", "db: connection closed"));
  }

  start(): void {
    this.failure = null;
  }

  /** As a revocation does: a last, empty line, and then refusals. */
  refuse(state: string): void {
    this.failure = new KeywardError("denied", `node ${NODE} is ${state}`);
    for (const watcher of [...this.#watchers]) {
      if (state === "revoked") watcher.lines.push({ revision: 0, entries: [], challenge: "", ca: this.ca });
      this.#end(watcher, null);
    }
  }

  get watching(): number {
    return this.#watchers.size;
  }

  get reported(): Report {
    const all = this.reports;
    return {
      challenge: "",
      proofs: all.flatMap((one) => one.proofs),
      withdrawn: all.flatMap((one) => one.withdrawn),
      drift: all.flatMap((one) => one.drift),
      failures: all.flatMap((one) => one.failures),
    };
  }

  #check(): void {
    if (this.failure !== null) throw this.failure;
  }

  #bundle(held: Held): Bundle {
    const challenge = randomBytes(32).toString("base64");
    this.#challenges.add(challenge);
    const holds = new Map(held.map(({ key, version }) => [key, version]));
    const entries = [...this.grants.values()].map(({ grant, key, version, value, delivery, derived }) => ({
      grant,
      key,
      version,
      delivery,
      ...(holds.get(key) === version || derived !== undefined
        ? {}
        : { value: Buffer.from(value).toString("base64") }),
      ...(derived === undefined ? {} : { derived }),
    }));
    return { revision: ++this.#revision, entries, challenge, ca: this.ca };
  }

  #announce(): void {
    for (const watcher of this.#watchers) this.#tell(watcher);
  }

  #tell(watcher: Watcher): void {
    const bundle = this.#bundle(watcher.held);
    watcher.held = bundle.entries.map(({ key, version }) => ({ key, version }));
    watcher.lines.push(bundle);
    watcher.wake();
  }

  #end(watcher: Watcher, failure: KeywardError | null): void {
    watcher.over = true;
    watcher.failure = failure;
    watcher.wake();
    this.#watchers.delete(watcher);
  }

  async #call(api: object, name: OperationName, request: unknown): Promise<unknown> {
    this.calls.push({ name, at: this.clock(), api });
    if (this.hangs) await new Promise(() => {});
    this.#check();
    const { body } = request as { body: never };
    switch (name) {
      case "agent.enrol":
        return this.#enrol(body);
      case "agent.renew":
        return { certificate: this.#issue(), ca: this.ca };
      case "agent.bundle":
        return this.#bundle((body as BodyOf<"agent.bundle">).held);
      case "agent.report":
        return this.#report(body);
      default:
        throw new KeywardError("not-found", name);
    }
  }

  #enrol({ token }: BodyOf<"agent.enrol">): ResponseOf<"agent.enrol"> {
    if (token !== undefined && token !== this.token)
      throw new KeywardError("denied", "join token: not one of ours");
    if (token === undefined && this.pending)
      return { kind: "pending", node: NODE, fingerprint: "f".repeat(64) };
    return { kind: "issued", node: NODE, certificate: this.#issue(), ca: this.ca };
  }

  #issue(): string {
    this.generation++;
    const now = Math.floor(this.clock() / 1000) * 1000;
    return certificate(now, now + this.lifeMs, this.generation);
  }

  #report(report: Report): ResponseOf<"agent.report"> {
    this.reports.push(report);
    const [accepted, refused]: [Held, Held] = [[], []];
    for (const claim of report.proofs) {
      const { key, version } = claim;
      const grant = [...this.grants.values()].find((one) => one.key === key && one.version === version);
      const ok =
        this.#challenges.has(report.challenge) &&
        grant !== undefined &&
        isRight(Buffer.from(report.challenge, "base64"), claim, grant);
      (ok ? accepted : refused).push({ key, version });
      if (ok) this.proved.set(key, version);
      else this.refusedProofs.push(key);
    }
    return { accepted, refused };
  }

  async *#stream(
    api: object,
    name: OperationName,
    request: unknown,
    signal: AbortSignal,
  ): AsyncGenerator<Bundle> {
    this.calls.push({ name, at: this.clock(), api });
    if (this.hangs) await new Promise((resolve) => signal.addEventListener("abort", resolve));
    if (signal.aborted) return;
    this.#check();
    const { held } = (request as { body: BodyOf<"agent.watch"> }).body;
    const watcher: Watcher = { held, lines: [], wake: () => {}, failure: null, over: false, api };
    const end = (): void => this.#end(watcher, null);
    this.#watchers.add(watcher);
    signal.addEventListener("abort", end, { once: true });
    this.#tell(watcher);
    try {
      for (;;) {
        const line = watcher.lines.shift();
        if (signal.aborted) return;
        // As over the wire: an agent's copy is its own.
        if (line !== undefined) yield structuredClone(line);
        else if (watcher.failure !== null) throw watcher.failure;
        else if (watcher.over) return;
        else await new Promise<void>((resolve) => (watcher.wake = resolve));
      }
    } finally {
      signal.removeEventListener("abort", end);
      this.#watchers.delete(watcher);
    }
  }
}

function fullDelivery(key: string, delivery: Partial<Delivery>): Delivery {
  return { kind: "file", path: `${key}.key`, mode: 0o400, offline: "never", ...delivery };
}

function isRight(challenge: Buffer, claim: Report["proofs"][number], { value, derived }: Granted): boolean {
  const { key, version, proof, shown } = claim;
  if (derived !== undefined) {
    const { kind } = derived.derivation.kind;
    const of = shown === undefined ? null : { node: NODE, key, version, shown };
    return of !== null && isDerivedProof(Buffer.from(proof, "base64"), challenge, kind, of);
  }
  const text = fields("keyward/v1/proof", NODE, key, String(version), Buffer.from(value));
  return createHmac("sha256", challenge).update(text).digest("base64") === proof;
}
